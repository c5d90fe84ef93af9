import type { RoutedPath } from "./paths";
import type { TrafficRule } from "./traffic-rules";

/** The service and the gateway that rules apply to. */
export interface RuleContext {
  /** Name of the route for requests that match no rule. */
  readonly service: string;
  /** Declared versions. */
  readonly versions: readonly string[];
  /** Hosts of the gateway, including `*` and `*.example.com`. */
  readonly hosts: readonly string[];
  /** Paths that reach the service. Default: every path. */
  readonly paths?: readonly RoutedPath[];
}

/** Whether a rule sends its requests to a version. */
export const isRouted = ({ action }: TrafficRule): boolean => "to" in action || "weights" in action;
