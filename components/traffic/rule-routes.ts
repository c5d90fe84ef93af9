/** Rules as Istio's HTTPRoutes. */
import type { Destination, HttpMatchRequest, HttpRoute } from "../istio/virtual-service";
import { istioMatch, type RequestMatch } from "./matches";
import { confine, spellings, uriMatches, type RoutedPath } from "./paths";
import { stickyName, type Sticky } from "./sticky";
import {
  answerPolicySpec,
  effectivePolicies,
  redirectSpec,
  responseSpec,
  withPolicies,
  type TrafficPolicies,
  type TrafficRule,
} from "./traffic-rules";
import { effectiveShares, fineWeights, integerWeights, type Shares, type Weights } from "./weights";

/** Only a split is sticky: for a lone destination there is nothing to choose. */
export const ruleName = (name: string, weights: Weights, sticky: Sticky | undefined): string =>
  sticky && Object.keys(weights).length > 1 ? stickyName(name) : name;

/**
 * A rule as Istio's HTTPRoute.
 *
 * Only the routed paths may reach the service, so a rule that sends to a version is restricted to them. A rule that the
 * gateway answers itself may match any path.
 */
export function ruleRoutes(
  { name, match, action, rewrite, policies }: TrafficRule,
  request: {
    readonly paths?: readonly RoutedPath[] | undefined;
    readonly policies?: TrafficPolicies;
    readonly hosts?: readonly string[];
    readonly sticky?: Sticky | undefined;
  },
  to: (version: string) => Destination,
): HttpRoute[] {
  const effective = effectivePolicies(request.policies ?? {}, policies);
  if ("redirect" in action || "respond" in action) {
    const answer =
      "redirect" in action
        ? { redirect: redirectSpec(action.redirect, request.hosts) }
        : { directResponse: responseSpec(action.respond) };
    const target = "redirect" in action ? action.redirect.path : undefined;
    return [
      { name, ...conditions(matches(match, undefined, target)), ...answer, ...answerPolicySpec(effective) },
    ];
  }
  const any = matches(match, request.paths);
  if (any.length === 0) throw new RangeError(`rule "${name}" matches no path that reaches the service`);
  const { sticky } = request;
  const route =
    "to" in action ? [{ destination: to(action.to) }] : split(effectiveShares(action.weights), to, sticky);
  const routeName = "to" in action ? name : ruleName(name, action.weights, sticky);
  const host = rewrite?.host === undefined ? {} : { authority: rewrite.host };
  if (rewrite?.path === undefined) {
    return withPolicies(
      { name: routeName, ...conditions(any), ...(rewrite && { rewrite: host }), route },
      effective,
      to,
    );
  }
  // Envoy replaces the matched text, so the rewrites of a path and of the paths below it differ.
  const root = rewrite.path.replace(/\/+$/, "");
  return any.flatMap((one) => {
    const uri = one.uri?.prefix === undefined ? root || "/" : `${root}/`;
    const rewritten = { name: routeName, ...conditions([one]), rewrite: { uri, ...host }, route };
    return withPolicies(rewritten, effective, to);
  });
}

/**
 * The matches of `any`, restricted to `paths`. A match without conditions matches every request; an empty list matches none.
 * An exact path matches with and without a slash at its end, except the path `target`, so that a redirect from `/a` to `/a/`
 * ends there.
 */
export function matches(
  any: readonly RequestMatch[],
  paths: readonly RoutedPath[] | undefined,
  target?: string,
): HttpMatchRequest[] {
  return any.flatMap((match) => {
    const { path } = match;
    const others = istioMatch(match);
    if (!paths && path === undefined) return [others];
    const spelt =
      path !== undefined && "exact" in path
        ? spellings(path.exact)
            .filter((exact) => exact === path.exact || exact !== target)
            .map((exact) => ({ exact }))
        : [path];
    const confined = paths
      ? spelt.flatMap((one) => confine(one, paths))
      : spelt.filter((one) => one !== undefined);
    return confined.flatMap(uriMatches).map((uri) => ({ uri, ...others }));
  });
}

/** The matches of a rule. A rule without matches applies to every request. */
export function conditions(any: readonly HttpMatchRequest[]): Pick<HttpRoute, "match"> {
  return any.some((match) => Object.keys(match).length === 0) ? {} : { match: any };
}

export function split(
  shares: Shares,
  to: (version: string) => Destination,
  sticky?: Sticky,
): NonNullable<HttpRoute["route"]> {
  // A client's number is taken modulo the sum of the weights, so for sticky splits the sum is always the same.
  const weights = Object.entries(sticky ? fineWeights(shares) : integerWeights(shares));
  return weights.map(([version, weight]) => ({
    destination: to(version),
    ...(weights.length > 1 && { weight }),
  }));
}
