import type { RoutedPath } from "./paths";
import type { TrafficRule } from "./traffic-rules";

/** What rules are for. */
export interface RuleContext {
  /** Name of the route for what no rule matches. */
  readonly service: string;
  /** Declared versions. */
  readonly versions: readonly string[];
  /** Hosts of the gateway; `*` and `*.example.com` too. */
  readonly hosts: readonly string[];
  /** Paths that reach the service; every path when absent. */
  readonly paths?: readonly RoutedPath[];
}

/** Whether a rule sends its requests to a version. */
export const isRouted = ({ action }: TrafficRule): boolean => "to" in action || "weights" in action;
