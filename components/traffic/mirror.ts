/** Copies of requests for a version to be tried on. Source: Istio VirtualService, HTTPMirrorPolicy. */
import type { Destination, HttpMirror } from "../istio/virtual-service";
import type { PolicyProblem } from "./policy-problem";
import type { Shares } from "./weights";

/** The client gets the answer to its own request and never waits for the copy, whose answer is thrown away. */
export interface Mirror {
  /** The version that gets the copies. */
  readonly to: string;
  /** Share of the requests that is copied: 0 to 100, at most two decimals. Default 100. */
  readonly percent?: number;
  /**
   * Copy requests by every method. Default false: only safe methods (GET, HEAD, OPTIONS), since versions that share a
   * database would write twice.
   */
  readonly writes?: boolean;
}

/** A mirror in Istio's words. */
export function httpMirror(mirror: Mirror, to: (version: string) => Destination): HttpMirror {
  return { destination: to(mirror.to), percentage: { value: mirror.percent ?? 100 } };
}

/** What is wrong with a mirror of requests that are shared as `shares` say, by the name `mirror`. */
export function mirrorProblems(mirror: Mirror, shares: Shares): PolicyProblem[] {
  if ((shares[mirror.to] ?? 0) < 100) return [];
  return [
    {
      path: ["mirror", "to"],
      found: `${mirror.to}, which gets all of these requests anyway`,
      allowed: "a version that does not get all of them",
      repairs: [{ remove: ["mirror"] }],
    },
  ];
}
