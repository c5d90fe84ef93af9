/** Copies of requests for a version to be tried on. Source: Istio VirtualService, HTTPMirrorPolicy. */
import type { Destination, HttpMirror, HttpRoute } from "../istio/virtual-service";

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

/** Whether `route` sends something elsewhere than to the version that gets the copies, which has it all otherwise. */
export function copiesAnything(mirror: Mirror, route: HttpRoute["route"] = []): boolean {
  return route.some(
    ({ destination, weight }) => destination.subset !== mirror.to && (route.length === 1 || weight !== 0),
  );
}
