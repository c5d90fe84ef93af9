/** Checks a gateway with another owner, and whether another VirtualService routes its hosts. Pure. */
import type { V1Pod, V1Service } from "@kubernetes/client-node";
import type { AuthorizationPolicySpec } from "../istio/authorization-policy";
import { hostSuffix } from "../security/gateway-servers";
import type { LiveMetadata } from "../kubernetes/owner";

/** The part that is read of an Istio object. */
export interface FoundObject<Spec> {
  readonly metadata: LiveMetadata & { readonly name: string; readonly namespace: string };
  readonly spec: Spec;
}

export interface FoundGatewaySpec {
  readonly selector?: Readonly<Record<string, string>>;
  readonly servers?: readonly {
    readonly hosts?: readonly string[];
    readonly port?: { readonly protocol?: string };
    readonly tls?: { readonly httpsRedirect?: boolean };
  }[];
}

export interface FoundRoutesSpec {
  readonly hosts?: readonly string[];
  /** A name without namespace is in the object's namespace. Default: only the mesh. */
  readonly gateways?: readonly string[];
}

export interface GatewayAsked {
  /** Name of the component, which is the prefix of the names of its redirects. */
  readonly name: string;
  readonly http?: boolean;
  readonly tls?: object;
  readonly labels: Readonly<Record<string, string>>;
  readonly namespace: string;
  readonly serviceAccount?: string;
  readonly gateway?: string;
  readonly hosts: readonly string[];
  readonly routeNamespaces?: readonly string[];
}

export interface FoundGateway {
  /** Whether the named Gateway object serves HTTPS. */
  readonly https: boolean;
}

export function foundGateway(
  asked: GatewayAsked,
  {
    pods,
    gateways,
    virtualServices,
    policies,
    services,
  }: {
    readonly pods: readonly V1Pod[];
    readonly gateways: readonly FoundObject<FoundGatewaySpec>[];
    readonly virtualServices: readonly FoundObject<FoundRoutesSpec>[];
    /** Objects in the gateway's namespace. */
    readonly policies: readonly FoundObject<Pick<AuthorizationPolicySpec, "action" | "selector" | "rules">>[];
    readonly services: readonly V1Service[];
  },
): {
  readonly found: FoundGateway;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
} {
  const [pod] = pods;
  if (!pod) {
    return {
      found: { https: false },
      problems: ["no pod with these labels is there; allowed: labels of its pods"],
      warnings: [],
    };
  }
  const account = pod.spec?.serviceAccountName ?? "default";
  const named = gateways.find((gateway) => nameOf(gateway) === asked.gateway);
  const serving = (host: string, namespaces: readonly string[]) =>
    (named?.spec.servers ?? []).filter(({ hosts = [] }) =>
      hosts.some((entry) => serves(entry, host, namespaces, named?.metadata.namespace ?? "")),
    );
  const fits = (selector: Readonly<Record<string, string>> = {}): boolean =>
    Object.entries(selector).every(([key, value]) => pod.metadata?.labels?.[key] === value);
  const selecting = gateways.filter(({ spec }) => fits(spec.selector));
  // The objects of this stack are checked when they are created, and may have the mark of the stack's former name.
  const redirects = asked.hosts.map((host) => `${asked.namespace}/${asked.name}-http-${hostSuffix(host)}`);
  const foreign = virtualServices.filter(
    (routes) =>
      asked.routeNamespaces?.includes(routes.metadata.namespace) !== true &&
      !redirects.includes(nameOf(routes)),
  );
  const beyond = Object.entries(asked.labels).filter(([key, value]) => named?.spec.selector?.[key] !== value);
  const ports = services
    .filter(({ spec }) => spec?.selector && fits(spec.selector))
    .flatMap(({ spec }) => spec?.ports ?? [])
    .map(({ port }) => port);
  const wanted =
    asked.gateway === undefined ? [...(asked.http === false ? [] : [80]), ...(asked.tls ? [443] : [])] : [];
  return {
    found: {
      https: asked.hosts.some((host) =>
        serving(host, asked.routeNamespaces ?? []).some(({ port }) => port?.protocol === "HTTPS"),
      ),
    },
    problems: [
      ...(asked.serviceAccount !== undefined && asked.serviceAccount !== account
        ? [
            `service account of its pods: found ${account}, said is ${asked.serviceAccount}; say ${account}, or nothing`,
          ]
        : []),
      ...(asked.gateway === undefined
        ? []
        : named === undefined
          ? [`Gateway ${asked.gateway} is not there; there: ${selecting.map(nameOf).join(", ") || "none"}`]
          : !selecting.includes(named)
            ? [
                `Gateway ${asked.gateway} selects other pods; allowed: ${selecting.map(nameOf).join(", ") || "none"}`,
              ]
            : beyond.length > 0
              ? [
                  `Gateway ${asked.gateway} selects pods that have not ${beyond.map(([key, value]) => `${key}=${value}`).join(", ")}, ` +
                    "for which lists would not hold; say labels of its selector alone",
                ]
              : asked.hosts
                  .filter((host) => serving(host, asked.routeNamespaces ?? []).length === 0)
                  .map(
                    (host) =>
                      `Gateway ${asked.gateway} has no server for ${host}${inWords(asked.routeNamespaces)}; its owner adds ` +
                      "one, or leave the name of the Gateway out: then one is written for the host",
                  )),
      ...asked.hosts.flatMap((host) =>
        foreign
          .filter(({ metadata, spec: { hosts = [], gateways: bound = ["mesh"] } }) => {
            const names = bound.map((name) => (name.includes("/") ? name : `${metadata.namespace}/${name}`));
            return hosts.includes(host) && selecting.some((gateway) => names.includes(nameOf(gateway)));
          })
          .map(
            (routes) =>
              `VirtualService ${nameOf(routes)} of another owner routes ${host} at this gateway; choose another host, ` +
              "or have its owner remove it",
          ),
      ),
    ],
    warnings: [
      ...policies
        .filter(
          ({ spec: { action = "ALLOW", selector, rules = [] } }) =>
            action === "ALLOW" &&
            fits(selector?.matchLabels) &&
            !rules.some((rule) => speaksOf(rule, asked.hosts)),
        )
        .map(
          (policy) =>
            `AuthorizationPolicy ${nameOf(policy)} of another owner allows only the requests that its rules name, and none of them names ${asked.hosts.join(", ")}`,
        ),
      ...(ports.length === 0 ? [] : wanted)
        .filter((port) => !ports.includes(port))
        .map((port) => `no Service of its pods has port ${port}: connections of clients would fail`),
    ],
  };
}

/** Whether a rule may match one of the hosts. */
const speaksOf = (
  { to = [] }: NonNullable<AuthorizationPolicySpec["rules"]>[number],
  hosts: readonly string[],
) =>
  to.length === 0 ||
  to.some(
    ({ operation }) =>
      operation.hosts === undefined ||
      operation.hosts.some((pattern) =>
        hosts.some(
          (host) =>
            pattern === "*" ||
            pattern.replace(/:\*$/, "") === host ||
            (pattern.startsWith("*") && host.endsWith(pattern.slice(1))),
        ),
      ),
  );

const nameOf = ({ metadata: { namespace, name } }: FoundObject<unknown>): string => `${namespace}/${name}`;

const inWords = (namespaces: readonly string[] | undefined): string =>
  namespaces ? ` that routes of namespace ${namespaces.join(", ")} may bind to` : "";

/** Whether an entry of `hosts` of a Gateway in `own` lets routes of `namespaces` bind to `host` (Istio: Server.hosts). */
function serves(entry: string, host: string, namespaces: readonly string[], own: string): boolean {
  const [scope = "", pattern = ""] = entry.includes("/") ? entry.split("/") : ["*", entry];
  const allowed =
    scope === "*" || namespaces.every((namespace) => namespace === (scope === "." ? own : scope));
  return (
    allowed &&
    (pattern === "*" || pattern === host || (pattern.startsWith("*.") && host.endsWith(pattern.slice(1))))
  );
}
