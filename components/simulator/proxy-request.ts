/** What policies and routes see of a request. */
import type { Claims } from "../traffic/claims";

/** A request as a proxy sees it. */
export interface ProxyRequest {
  readonly method: string;
  /** With the port, where the client sends one. */
  readonly host: string;
  /** Normalized, without its query. */
  readonly path: string;
  /** Normalized, with its query. Default: `path`. */
  readonly whole?: string;
  /** Names in lowercase; several values are several lines of one name. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Where the proxy listens. */
  readonly port?: number;
  /** Name of the host in the TLS handshake. */
  readonly sni?: string | undefined;
  /** Address at the other end of the connection. */
  readonly peer?: string | undefined;
  /** Address of the client, as the proxy trusts it. */
  readonly client?: string | undefined;
  /** Identity of the peer, without `spiffe://`. */
  readonly principal?: string | undefined;
  /** Those of a token that was verified. */
  readonly claims?: Claims | undefined;
}

export type PolicyCondition = (request: ProxyRequest) => boolean;
