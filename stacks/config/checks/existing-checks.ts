/** Settings that are not allowed with an Istio or a gateway of another owner. */
import { planAccess } from "../../../components/security/access-lists";
import { problem, type Problem } from "../report/catalogue";
import type { OwnersReason } from "../report/production-messages";
import { isObject } from "../schema/fields";
import { check, checkEach, type Check } from "./check";
import { CLAIM_USES } from "./security-checks";

/** Settings of a mesh or a gateway that this stack does not own, and the reason of the refusal. */
const OF_ISTIO: Readonly<Record<string, OwnersReason>> = {
  "istio.hub": "images",
  "istio.tag": "istioTag",
  "istio.controlPlane": "istiod",
  "istio.values.base": "installs",
  "istio.values.istiod": "installs",
  "observability.tracing": "tracing",
  "observability.accessLogs": "accessLogs",
  "observability.metrics": "metrics",
  "observability.prometheus": "prometheus",
  "observability.dashboards": "dashboards",
  "observability.grafana": "grafana",
  "security.mtls.namespaces": "namespaces",
};
const OF_GATEWAY: Readonly<Record<string, OwnersReason>> = {
  "gateway.namespace": "gatewayPods",
  "gateway.serviceType": "gatewayPods",
  "gateway.nodePorts": "gatewayPods",
  "gateway.replicas": "gatewayPods",
  "gateway.autoscaler": "gatewayPods",
  "gateway.resources": "gatewayPods",
  "gateway.drain": "gatewayPods",
  "gateway.imagePullPolicy": "gatewayPods",
  "gateway.tlsTermination": "forwardedProto",
  "istio.values.gateway": "gatewayChart",
  "security.trustedProxies": "trustedProxies",
  "traffic.globalRateLimit": "limits",
  "traffic.rateLimit": "limits",
  "traffic.sticky": "sticky",
};
const OF_CHARTS: Readonly<Record<string, OwnersReason>> = {
  "istio.version": "versionRead",
  "istio.charts": "chartsUnused",
};
const OF_LISTENER: Readonly<Record<string, OwnersReason>> = {
  "gateway.http": "listener",
  "gateway.tls": "listener",
};

const INSTALL = { install: "istio.install" } as const;
/** Whether the gateway has another owner, which is the case if the block exists. */
const EXISTING = { existing: "keys of gateway.existing" } as const;
const isShared = ({ existing }: { readonly existing: readonly string[] }): boolean => existing.length > 0;

function* unset(path: string, why: OwnersReason, value: unknown, beside: string): Generator<Problem> {
  if (value === undefined || (isObject(value) && Object.keys(value).length === 0)) return;
  const at = path.split(".");
  yield problem("ownedByOthers", at, { value, beside, why }, { remove: at });
}

const owned = [
  ...Object.entries(OF_ISTIO).map(([at, why]) =>
    check({ ...INSTALL, value: `written ${at}` }, ({ install, value }) =>
      install ? [] : unset(at, why, value, "istio.install false"),
    ),
  ),
  check(
    { ...INSTALL, namespace: "istio.namespace", value: "written istio.namespace.create" },
    ({ install, namespace, value }) =>
      !install && namespace.create
        ? unset("istio.namespace.create", "createdByIstio", value, "istio.install false")
        : [],
  ),
  ...Object.entries(OF_GATEWAY).map(([at, why]) =>
    // A wrong value has its own problem.
    check({ ...EXISTING, read: at, value: `written ${at}` as const }, (c) =>
      isShared(c) ? unset(at, why, c.value, "gateway.existing") : [],
    ),
  ),
  ...Object.entries(OF_CHARTS).map(([at, why]) =>
    check({ ...EXISTING, ...INSTALL, value: `written ${at}` }, (c) =>
      isShared(c) && !c.install ? unset(at, why, c.value, "istio.install false and gateway.existing") : [],
    ),
  ),
  ...Object.entries(OF_LISTENER).map(([at, why]) =>
    check({ listener: "gateway.existing.gateway", value: `written ${at}` }, ({ listener, value }) =>
      listener === undefined ? [] : unset(at, why, value, "gateway.existing.gateway"),
    ),
  ),
];

function* namedHost(path: readonly PropertyKey[], host: string): Generator<Problem> {
  if (!host.includes("*")) return;
  const set = host === "*" ? "shop.example.com" : `shop${host.slice(1)}`;
  yield problem("sharedWildcard", path, { host }, { set, example: true });
}

const hosts = [
  check({ ...EXISTING, host: "category.host" }, (c) =>
    isShared(c) ? namedHost(["category", "host"], c.host) : [],
  ),
  check({ ...EXISTING, aliases: "category.aliases.*?" }, (c) =>
    isShared(c) ? c.aliases.flatMap(([i, alias]) => [...namedHost(["category", "aliases", i], alias)]) : [],
  ),
];

const limits = checkEach("traffic.rules", { rateLimit: "rateLimit" }, EXISTING, function* (path, own, c) {
  if (!isShared(c) || own.rateLimit === undefined || own.rateLimit === "none") return;
  const at = [...path, "rateLimit"];
  yield problem("sharedLimit", at, {}, { remove: at });
});

const claims = CLAIM_USES.map(({ needs, place, uses }) =>
  check({ ...EXISTING, ...needs }, (c) =>
    isShared(c) ? uses(c as never).map((path) => problem("sharedClaims", path, { place })) : [],
  ),
);

const VERIFIED = { ...EXISTING, tokens: "security.authentication" } as const;
const answers = [
  checkEach("traffic.rules", { path: "rewrite.path" }, VERIFIED, function* (at, { path }, c) {
    const conditions = [...(c.tokens?.required ?? []), { paths: c.tokens?.optional }];
    if (!isShared(c) || path === undefined || conditions.every(({ paths }) => paths === undefined)) return;
    const rewritten = [...at, "rewrite", "path"];
    yield problem("sharedRewrite", rewritten, {}, { remove: rewritten });
  }),
  ...(["respond", "redirect"] as const).map((action) =>
    checkEach(
      "traffic.rules",
      { keys: "keys of" },
      { ...EXISTING, security: "keys of security" },
      function* (at, { keys }, c) {
        if (!isShared(c) || !keys.includes(action) || !c.security.includes("authentication")) return;
        yield problem("sharedAnswer", [...at, action], {});
      },
    ),
  ),
];

const lists = check(
  { ...EXISTING, allow: "security.access.allow", host: "category.host", aliases: "category.aliases" },
  function* (c) {
    const { allow, host, aliases } = c;
    if (!isShared(c) || allow === undefined || allow.some((entry) => entry.claims !== undefined)) return;
    try {
      planAccess(
        { allow },
        {
          selector: { matchLabels: {} },
          trustedProxies: 0,
          shared: { hosts: [host, ...aliases], preflights: true },
        },
      );
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      yield problem("sharedListTooMixed", ["security", "access", "allow"], { why: error.message });
    }
  },
);

export const EXISTING_CHECKS: readonly Check[] = [...owned, ...hosts, limits, ...claims, ...answers, lists];
