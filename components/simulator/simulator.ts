/**
 * What a proxy does with a request: which rule decides, and where it goes.
 *
 * Models Envoy under Istio's configuration (Envoy: "HTTP route matching"; Istio: pilot/pkg/networking/core/route) on
 * plain data: a plan is what is written to the cluster. Faults, retries and circuit breaking are left out: they change
 * what becomes of a request, not where it is sent.
 */
import { clientAddress } from "../security/client-address";
import { isPreflight, textOf } from "./answers";
import { readPolicies } from "./authorization";
import type { Seen } from "./conditions";
import type { Decision, Outcome, SimulatedPlan, SimulatedRequest } from "./decision";
import { listeners, type Listener } from "./listeners";
import { normalizedPath } from "./path-normalization";
import { portOf, withoutDot, withoutPort } from "./request-host";
import { verification } from "./token";
import type { CompiledRoute } from "./virtual-hosts";

const compiled = new WeakMap<SimulatedPlan, (request: SimulatedRequest) => Decision>();

/** What becomes of `request`. A plan is compiled once. */
export function route(request: SimulatedRequest, plan: SimulatedPlan): Decision {
  let decide = compiled.get(plan);
  if (!decide) compiled.set(plan, (decide = compile(plan)));
  return decide(request);
}

/** What Envoy has in the place of all routes of a host (`require_tls`). */
const TO_HTTPS: readonly CompiledRoute[] = [
  {
    matches: () => true,
    decide: ({ host, whole }) => ({
      ...{ kind: "redirected", rule: "", status: 301 },
      location: `https://${host}${whole}`,
    }),
    preflight: undefined,
  },
];
const NOT_FOUND: Outcome = { kind: "not found" };
const BAD_REQUEST: Outcome = { kind: "bad request" };
const NO_LISTENER: Outcome = { kind: "no listener" };
const NO_HEADERS: Seen["headers"] = {};

/** A plan as a function. */
export function compile(plan: SimulatedPlan): (request: SimulatedRequest) => Decision {
  const find = listeners(plan);
  const decide = outcome(plan);
  return (request) => {
    const listener = find(request);
    const decided = decide(request, listener);
    if (!listener.notLookedAt) return decided;
    const found = listener.notLookedAt(withoutPort(withoutDot(request.host)).toLowerCase()) ?? [];
    const notLookedAt = [...found, ...(decided.notLookedAt ?? [])];
    return notLookedAt.length > 0 ? { ...decided, notLookedAt } : decided;
  };
}

/** In Envoy's order: the path, preflights, the token, the policies, and last what the route says, a redirect to HTTPS included. */
function outcome(plan: SimulatedPlan): (request: SimulatedRequest, listener: Listener) => Decision {
  const { pathNormalization = "BASE", trustedProxies = 0 } = plan;
  const verify = plan.requestAuthentication && verification(plan.requestAuthentication);
  const policies = plan.authorizationPolicies && readPolicies(plan.authorizationPolicies);
  return (request, listener) => {
    if (!listener.host) return NO_LISTENER;
    if (!request.path.startsWith("/")) return NOT_FOUND;
    const whole = normalizedPath(request.path, pathNormalization);
    if (whole === undefined) return BAD_REQUEST;
    const headers = request.headers ?? NO_HEADERS;
    const { method, address, token, principal } = request;
    const host = withoutDot(request.host);
    const forwarded = trustedProxies > 0 ? textOf(headers["x-forwarded-proto"]) : "";
    const at = whole.indexOf("?");
    const seen: Seen = {
      request,
      scheme: forwarded || request.scheme,
      method,
      host,
      headers,
      whole,
      path: at < 0 ? whole : whole.slice(0, at),
      query: undefined,
      claims: undefined,
      port: portOf(request),
      sni: request.scheme === "https" ? withoutPort(host) : undefined,
      peer: address,
      client: policies && clientAddress(address, headers["x-forwarded-for"], trustedProxies),
      principal,
    };
    const known = listener.host(withoutPort(host).toLowerCase());
    const routes = known?.toHttps && seen.scheme !== "https" ? TO_HTTPS : (known?.routes ?? []);
    // Of preflights no token is looked at (Envoy: `bypass_cors_preflight`).
    if (isPreflight(method, headers)) {
      const answer = routes.find(({ matches }) => matches(seen))?.preflight?.(seen);
      if (answer) return answer;
    } else if (token && verify) {
      const claims = verify(token);
      if (typeof claims === "number") return { kind: "denied", status: claims, reason: "token" };
      seen.claims = claims;
    }
    const refusal = policies?.refusal(seen);
    const decided: Outcome = refusal
      ? { kind: "denied", status: 403, ...refusal }
      : (routes.find(({ matches }) => matches(seen))?.decide(seen) ?? NOT_FOUND);
    const notLookedAt = policies?.notLookedAt?.(seen) ?? [];
    return notLookedAt.length > 0 ? { ...decided, notLookedAt } : decided;
  };
}
