/** Copies of requests, to test a version with. Source: Istio VirtualService, HTTPMirrorPolicy. */
import type { Destination, HttpMirror, HttpRoute } from "../istio/virtual-service";

/** The client gets the answer to its own request. It does not wait for the copy, whose answer is discarded. */
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

/** A mirror as Istio's HTTPMirrorPolicy. */
export function httpMirror(mirror: Mirror, to: (version: string) => Destination): HttpMirror {
  return { destination: to(mirror.to), percentage: { value: mirror.percent ?? 100 } };
}

/** False if the version of the mirror already gets all requests of `route`, so that copies would be sent to it twice. */
export function copiesAnything(mirror: Mirror, route: HttpRoute["route"] = []): boolean {
  return route.some(
    ({ destination, weight }) => destination.subset !== mirror.to && (route.length === 1 || weight !== 0),
  );
}
