/** Checks between the settings of pods: their number and their resources. */
import { amount } from "../../../components/kubernetes/quantity";
import { problem, type Path, type Problem } from "../report/catalogue";
import { check, checkEach, type Check } from "./check";

const SCALED = ["istio.controlPlane", "gateway"] as const;
const MEASURED = [
  ...SCALED,
  "category.database.server",
  "observability.prometheus",
  "observability.jaeger",
  "observability.grafana",
] as const;
const KINDS = ["cpu", "memory"] as const;

function* oneScale(path: Path, keys: readonly string[]): Generator<Problem> {
  if (!keys.includes("replicas") || !keys.includes("autoscaler")) return;
  const either = ["replicas", "autoscaler"].map((key) => ({ remove: [...path, key] }));
  yield problem("scaleTwice", path, {}, ...either);
}

function* bounds(path: Path, fewest: number | undefined, most: number | undefined): Generator<Problem> {
  if (fewest === undefined || most === undefined || most >= fewest) return;
  const at = [...path, "autoscaler", "maxReplicas"];
  yield problem("autoscalerBounds", at, { most, fewest }, { set: fewest });
}

const scales = [
  ...SCALED.flatMap((at) => [
    check(
      { replicas: `${at}.replicas`, autoscaler: `keys of ${at}.autoscaler`, keys: `keys of ${at}` },
      (c) => oneScale(at.split("."), c.keys),
    ),
    check({ fewest: `${at}.autoscaler.minReplicas`, most: `${at}.autoscaler.maxReplicas` }, (c) =>
      bounds(at.split("."), c.fewest, c.most),
    ),
  ]),
  checkEach(
    "category.versions",
    { replicas: "replicas", autoscaler: "keys of autoscaler", keys: "keys of" },
    {},
    (path, { keys }) => oneScale(path, keys),
  ),
  checkEach(
    "category.versions",
    { fewest: "autoscaler.minReplicas", most: "autoscaler.maxReplicas" },
    {},
    (path, own) => bounds(path, own.fewest, own.most),
  ),
];

/** A version's resources replace the defaults as a whole. */
const measurable = checkEach(
  "category.versions",
  { keys: "keys of", request: "resources.requests.cpu", limit: "resources.limits.cpu" },
  {},
  function* (path, { keys, request, limit }) {
    if (!keys.includes("autoscaler") || !keys.includes("resources")) return;
    // Without a request, Kubernetes uses the limit as the request.
    const cpu = request ?? limit;
    if (cpu !== undefined && parseFloat(cpu) > 0) return;
    const at = [...path, "resources", "requests", "cpu"];
    yield problem("autoscalerBlind", at, { cpu }, { set: "100m", example: true });
  },
);

interface Amounts {
  readonly request?: string | undefined;
  readonly limit?: string | undefined;
}

/** Default resources of Istio's charts (1.30, 1.31). */
const OF_CHARTS: Readonly<Record<string, Readonly<Record<(typeof KINDS)[number], Amounts>>>> = {
  "istio.controlPlane": { cpu: { request: "500m" }, memory: { request: "2048Mi" } },
  gateway: { cpu: { request: "100m", limit: "2000m" }, memory: { request: "128Mi", limit: "1024Mi" } },
};

/** Problem of a request above its limit, which Kubernetes refuses. */
function* withinLimit(path: Path, kind: string, written: Amounts, chart: Amounts = {}): Generator<Problem> {
  const request = written.request ?? chart.request;
  const limit = written.limit ?? chart.limit;
  if (request === undefined || limit === undefined || amount(request) <= amount(limit)) return;
  if (written.request === undefined && written.limit === undefined) return;
  const at = (part: "requests" | "limits"): Path => [...path, "resources", part, kind];
  yield problem(
    "requestAboveLimit",
    at(written.request === undefined ? "limits" : "requests"),
    {
      request: { amount: request, ofChart: written.request === undefined },
      limit: { amount: limit, ofChart: written.limit === undefined },
    },
    { at: at("requests"), set: limit },
    { at: at("limits"), set: request },
  );
}

const limits = KINDS.flatMap((kind) => [
  ...MEASURED.map((at) =>
    check({ request: `${at}.resources.requests.${kind}`, limit: `${at}.resources.limits.${kind}` }, (c) =>
      withinLimit(at.split("."), kind, c, OF_CHARTS[at]?.[kind]),
    ),
  ),
  checkEach(
    "category.versions",
    { request: `resources.requests.${kind}`, limit: `resources.limits.${kind}` },
    {},
    (path, own) => withinLimit(path, kind, own),
  ),
]);

export const POD_CHECKS: readonly Check[] = [...scales, measurable, ...limits];
