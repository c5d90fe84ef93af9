/** Checks of production. */
import { problem, type Path, type Problem } from "../report/catalogue";
import { imageReference } from "../schema/image-reference";
import { check, checkEach, type Check } from "./check";
import { checkLoaded, type Autoscaler } from "./version-checks";

const PRODUCTION = { production: "production" } as const;

function* fixedHost(path: Path, host: string, label: string): Generator<Problem> {
  if (!host.includes("*")) return;
  const set = `${label}${host === "*" ? ".example.com" : host.slice(1)}`;
  yield problem("productionWildcard", path, { host }, { set, example: true });
}

const hosts = [
  check({ ...PRODUCTION, host: "category.host" }, ({ production, host }) =>
    production ? fixedHost(["category", "host"], host, "shop") : [],
  ),
  check({ ...PRODUCTION, aliases: "category.aliases.*?" }, ({ production, aliases }) =>
    production
      ? aliases.flatMap(([i, alias]) => [...fixedHost(["category", "aliases", i], alias, "www")])
      : [],
  ),
];

const tls = [
  check(
    {
      ...PRODUCTION,
      keys: "keys of gateway",
      termination: "gateway.tlsTermination",
      listener: "gateway.existing.gateway",
    },
    function* ({ production, keys, termination, listener }) {
      if (!production || keys.includes("tls") || termination !== "gateway" || listener !== undefined) return;
      const secret = {
        at: ["gateway", "tls", "credentialName"],
        set: "category-tls",
        example: true,
      } as const;
      const existing = keys.includes("existing");
      yield problem("productionWithoutTls", ["gateway", "tls"], { existing }, secret);
    },
  ),
  check(
    { ...PRODUCTION, http: "gateway.http", redirect: "gateway.tls.redirect" },
    function* ({ production, http, redirect }) {
      if (!production || !http || redirect !== false) return;
      const closed = { at: ["gateway", "http"], set: false };
      yield problem("productionPlainHttp", ["gateway", "tls", "redirect"], {}, { set: true }, closed);
    },
  ),
  check({ ...PRODUCTION, mode: "security.mtls.mode" }, function* ({ production, mode }) {
    if (!production || mode !== "PERMISSIVE") return;
    yield problem(
      "productionPermissive",
      ["security", "mtls", "mode"],
      { namespace: false },
      { set: "STRICT" },
    );
  }),
  check({ ...PRODUCTION, modes: "security.mtls.namespaces.*?" }, function* ({ production, modes }) {
    if (!production) return;
    for (const [namespace, mode] of modes) {
      if (mode !== "PERMISSIVE") continue;
      const path = ["security", "mtls", "namespaces", namespace];
      const params = { namespace: true };
      yield problem("productionPermissive", path, params, { set: "STRICT" }, { remove: path });
    }
  }),
];

const wait = check({ ...PRODUCTION, wait: "propagation.wait" }, function* (c) {
  if (!c.production || c.wait) return;
  yield problem("productionWithoutWait", ["propagation", "wait"], {}, { set: true });
});

const CHARTS = [
  "istio.charts",
  "observability.prometheus.charts",
  "observability.jaeger.charts",
  "observability.grafana.charts",
] as const;
const charts = CHARTS.map((at) =>
  check({ ...PRODUCTION, source: at }, function* ({ production, source }) {
    const url = source && "repository" in source ? source.repository : undefined;
    if (!production || !url?.startsWith("http:")) return;
    const set = url.replace(/^http:/, "https:");
    yield problem("productionChartsPlain", at.split("."), { url }, { set });
  }),
);

function* twoPods(
  path: Path,
  subject: "istiod" | "the gateway" | "a version",
  replicas: number | undefined,
  autoscaler: Autoscaler | undefined,
): Generator<Problem> {
  const pods = autoscaler?.minReplicas ?? replicas ?? 1;
  if (pods >= 2) return;
  const at = [...path, ...(autoscaler === undefined ? ["replicas"] : ["autoscaler", "minReplicas"])];
  yield problem("productionOnePod", at, { pods, subject }, { set: 2 });
  const most = autoscaler?.maxReplicas ?? 2;
  const top = [...path, "autoscaler", "maxReplicas"];
  if (most < 2) yield problem("productionOnePod", top, { pods: most, subject }, { set: 2 });
}

const pods = [
  check(
    {
      ...PRODUCTION,
      install: "istio.install",
      replicas: "istio.controlPlane.replicas",
      autoscaler: "istio.controlPlane.autoscaler",
    },
    (c) =>
      c.production && c.install ? twoPods(["istio", "controlPlane"], "istiod", c.replicas, c.autoscaler) : [],
  ),
  check(
    {
      ...PRODUCTION,
      keys: "keys of gateway",
      replicas: "gateway.replicas",
      autoscaler: "gateway.autoscaler",
    },
    (c) =>
      c.production && !c.keys.includes("existing")
        ? twoPods(["gateway"], "the gateway", c.replicas, c.autoscaler)
        : [],
  ),
  ...checkLoaded((path, { replicas, autoscaler }, { production }) =>
    production && replicas !== 0 ? twoPods(path, "a version", replicas, autoscaler) : [],
  ),
];

/** An image without a fixed tag. */
function* fixedTag(path: Path, image: string | undefined, example: string): Generator<Problem> {
  const reference = image === undefined ? undefined : imageReference(image);
  if (image === undefined || reference === undefined || reference.digest !== undefined) return;
  if ((reference.tag ?? "latest") !== "latest") return;
  const set = `${reference.name}:${example}`;
  const params = { image, tagged: reference.tag !== undefined };
  yield problem("productionTagMoves", path, params, { set, example: true });
}

const images = [
  checkEach("category.versions", { image: "image" }, PRODUCTION, (path, { image }, { production }) =>
    production ? fixedTag([...path, "image"], image, "1.0.0") : [],
  ),
  check({ ...PRODUCTION, image: "category.database.server.image" }, ({ production, image }) =>
    production ? fixedTag(["category", "database", "server", "image"], image, "17.6") : [],
  ),
  check({ ...PRODUCTION, tag: "istio.tag" }, function* ({ production, tag }) {
    const path = ["istio", "tag"];
    if (production && tag === "latest") yield problem("productionIstioTagMoves", path, {}, { remove: path });
  }),
];

export const PRODUCTION_CHECKS: readonly Check[] = [...hosts, ...tls, wait, ...charts, ...pods, ...images];
