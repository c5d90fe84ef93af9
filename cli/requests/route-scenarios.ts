/** The rules of a plan as what each asks of a request, in the order in which they count. */
import type { StringMatch } from "../../components/istio/virtual-service";
import type { SimulatedPlan, WrittenGateway, WrittenMatch, WrittenRoute } from "../../components/simulator";
import { withoutDot, withoutPort } from "../../components/simulator/request-host";
import {
  keyOf,
  readVirtualServices,
  type ReadVirtualService,
} from "../../components/simulator/virtual-services";
import { matched, oneOf, pathConstraint, unmatched, type Constraint, type Scenario } from "./constraints";

/** What a plan's Gateways, or its sidecar, listen to. */
export interface Listening {
  /** `https 443`. */
  readonly listener: string;
  /** `namespace/name`, or `mesh`. */
  readonly gateway: string;
  readonly hosts: readonly string[];
}

/** Of the plan's proxy. A sidecar listens on the ports that matches name, or on 80. */
export function listening({ proxy, virtualServices }: SimulatedPlan): Listening[] {
  if (proxy?.gateways) {
    return proxy.gateways.filter((one) => isSelected(one, proxy.labels)).flatMap(serversOf);
  }
  const ports = virtualServices.flatMap((one) => {
    const spec = "spec" in one ? one.spec : one;
    return (spec.http ?? []).flatMap(({ match }) => (match ?? []).flatMap(({ port }) => port ?? []));
  });
  return [80, ...ports].map((port) => ({ listener: `http ${port}`, gateway: "mesh", hosts: ["*"] }));
}

const isSelected = (
  { spec }: WrittenGateway,
  labels: Readonly<Record<string, string>> | undefined,
): boolean => Object.entries(spec.selector ?? {}).every(([key, value]) => !labels || labels[key] === value);

const serversOf = ({ metadata, spec }: WrittenGateway): Listening[] =>
  (spec.servers ?? [])
    .filter(({ port }) => /^(https?|http2|grpc|grpc-web)$/i.test(port.protocol))
    .map(({ port, hosts }) => ({
      listener: `${/^https$/i.test(port.protocol) ? "https" : "http"} ${port.number}`,
      gateway: keyOf(metadata),
      hosts: hosts.map((host) => host.slice(host.indexOf("/") + 1)),
    }));

/** One for each match of each rule. */
export function routeScenarios(plan: SimulatedPlan): Scenario[] {
  const places = listening(plan);
  return readVirtualServices(plan.virtualServices).flatMap((service) => {
    const bound = places.filter(({ gateway }) => service.gateways.includes(gateway));
    if (bound.length === 0) return [];
    const placed = [hostsConstraint(service.hosts), listenerConstraint(bound)];
    return service.http.flatMap((rule) => scenariosOf(rule, placed, service));
  });
}

function scenariosOf(
  rule: WrittenRoute,
  placed: readonly Constraint[],
  { hosts }: ReadVirtualService,
): Scenario[] {
  const matches: readonly WrittenMatch[] = rule.match?.length ? rule.match : [{}];
  const origins = (rule.corsPolicy?.allowOrigins ?? []).map((match) => matched("origin", match));
  return matches.flatMap((match) => {
    const constraints = [...placed, ...constraintsOf(match, hosts)];
    const plain: Scenario = { constraints };
    return [plain, ...origins.map((origin) => ({ constraints: [...constraints, origin] }))];
  });
}

function constraintsOf(match: WrittenMatch, hosts: readonly string[]): Constraint[] {
  const { uri, method, authority, scheme, headers, withoutHeaders, queryParams, port, ignoreUriCase } = match;
  const named = (name: string): string => dimensionOf(name);
  const all: Constraint[] = [];
  if (uri && Object.keys(uri).length > 0) all.push(pathConstraint(uri, ignoreUriCase === true));
  if (method) all.push(absentAs("GET", matched("method", method)));
  if (authority) all.push(hostVariants(matched("host", authority), authority, hosts));
  if (scheme) all.push(schemeConstraint(matched("proto", scheme)));
  if (port)
    all.push({ dimension: "listener", test: (text) => text?.split(" ")[1] === String(port), samples: [] });
  for (const [name, wanted] of Object.entries(headers ?? {}))
    all.push(ofHeader(matched(named(name), wanted)));
  for (const [name, wanted] of Object.entries(withoutHeaders ?? {})) {
    all.push(ofHeader(unmatched(named(name), wanted)));
  }
  for (const [name, wanted] of Object.entries(queryParams ?? {})) all.push(matched(`query ${name}`, wanted));
  return all;
}

function dimensionOf(header: string): string {
  const claim = /^@request\.auth\.claims(.*)$/.exec(header)?.[1];
  if (claim !== undefined) return `claim ${claim}`;
  switch (header) {
    case ":method":
      return "method";
    case ":authority":
      return "host";
    case ":path":
      return "path";
    case ":scheme":
    case "x-forwarded-proto":
      return "proto";
    default:
      return `header ${header.toLowerCase()}`;
  }
}

/** Of what every request has: what stands there where nothing is said. */
const absentAs = (preset: string, { test, ...constraint }: Constraint): Constraint => ({
  ...constraint,
  test: (text = preset) => test(text),
});

function ofHeader(constraint: Constraint): Constraint {
  if (constraint.dimension === "method") return absentAs("GET", constraint);
  if (constraint.dimension === "path") return absentAs("/", constraint);
  return constraint.dimension === "proto" ? schemeConstraint(constraint) : constraint;
}

/** By which scheme a client asks is a matter of the listener, unless a proxy before the gateway says it. */
const schemeConstraint = ({ test, samples }: Constraint): Constraint => ({
  dimension: "proto",
  test: (text) => text === undefined || test(text),
  samples: ["http", "https", ...samples],
});

/** With each port that the match names, and with another. */
function hostVariants(constraint: Constraint, match: StringMatch, hosts: readonly string[]): Constraint {
  const ports = [
    ...(Object.values(match)
      .join(" ")
      .match(/(?<=:)\d+/g) ?? []),
    "8080",
  ];
  const written = [...constraint.samples, ...hosts.map(exampleHost)].filter(isHost);
  return {
    ...constraint,
    samples: written.flatMap((host) => [
      ...[host, host.toUpperCase()],
      ...ports.map((port) => `${withoutPort(host)}:${port}`),
    ]),
  };
}

const isHost = (text: string): boolean => /^[\w.-]+(:\d+)?$/.test(text);

export const exampleHost = (pattern: string): string =>
  pattern === "*" ? "any.example" : pattern.replace(/^\*/, "a");

export function hostsConstraint(patterns: readonly string[]): Constraint {
  const lower = patterns.map((pattern) => pattern.toLowerCase());
  return {
    dimension: "host",
    test: (text = "") => {
      const host = withoutPort(withoutDot(text)).toLowerCase();
      return lower.some((pattern) =>
        pattern === "*"
          ? true
          : pattern.startsWith("*")
            ? host.endsWith(pattern.slice(1)) && host.length >= pattern.length
            : host === pattern,
      );
    },
    samples: patterns.flatMap((pattern) =>
      pattern.startsWith("*.")
        ? [exampleHost(pattern), `b.${exampleHost(pattern)}`, pattern.slice(2)]
        : [exampleHost(pattern), `x${exampleHost(pattern)}`, `a.${exampleHost(pattern)}`],
    ),
  };
}

const listenerConstraint = (places: readonly Listening[]): Constraint =>
  oneOf("listener", [...new Set(places.map(({ listener }) => listener))]);
