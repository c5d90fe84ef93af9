/** What `shopzier watch` sees at one time. */
import type { CounterReading } from "../../components/observability/request-counters";
import { sameSplit } from "../../components/observability/route-split";
import { type Shares } from "../../components/traffic/weights";

export interface GatewayPod {
  readonly pod: string;
  /** The split that its Envoy has; undefined where it has none, or several. */
  readonly shares: Shares | undefined;
  /** Why it has none. */
  readonly problem?: string;
}

export interface Observed {
  /** RFC 3339. */
  readonly at: string;
  /** By the stack file, or the manifests; undefined where neither is given. */
  readonly declared?: Shares;
  /** By the VirtualService in the cluster. */
  readonly configured: Shares;
  readonly gateways: readonly GatewayPod[];
  readonly counters: CounterReading;
}

/** The split that is in force: that of each gateway pod, where all have the same. */
export function inForce(gateways: readonly GatewayPod[]): Shares | undefined {
  const [first, ...others] = gateways.map(({ shares }) => shares);
  return first && others.every((shares) => shares && sameSplit(shares, first)) ? first : undefined;
}
