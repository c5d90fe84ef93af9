/** What Prometheus counted lately, for the side of a comparison. */
import { PrometheusError, type PrometheusApi } from "../../components/observability/prometheus-api";
import { VersionQueries, type MetricsSource } from "../../components/observability/queries";
import { writtenMetrics } from "../../components/observability/route-metrics";
import { splitOf } from "../../components/observability/route-split";
import { ofKind } from "../diff/istio-objects";
import { isObject, qualifiedName, type KubernetesObject } from "../side";
import { SourceError } from "./source-error";

const WINDOW = "5m";

/**
 * Requests per second of the versions of each VirtualService, as their callers counted them in the last five minutes. Without a
 * VirtualService of which nothing was counted.
 *
 * @param source whose counters. Default: as the VirtualService says, else Istio's.
 * @throws SourceError where Prometheus does not answer.
 */
export async function measuredRates(
  objects: readonly KubernetesObject[],
  api: PrometheusApi,
  source?: MetricsSource,
): Promise<Record<string, number>> {
  const rates = await Promise.all(
    ofKind(objects, "VirtualService").map(async (object) => {
      const split = splitOf(object);
      if (!split) return [];
      const { service } = split;
      const counted = { ...service, port: service.port || portOf(objects, service) };
      const own = source ?? writtenMetrics(object.metadata.annotations)?.source ?? "istio";
      const rate = await api.value(`sum(${new VersionQueries(counted, own).requests("caller", WINDOW)})`);
      return rate === undefined ? [] : [[qualifiedName(object), rate] as const];
    }),
  ).catch((error: unknown) => {
    throw error instanceof PrometheusError ? new SourceError(error.message) : error;
  });
  return Object.fromEntries(rates.flat());
}

/** The first port of a Service, where a route names none; 0 where the objects do not have it. */
function portOf(
  objects: readonly KubernetesObject[],
  { name, namespace }: { readonly name: string; readonly namespace: string },
): number {
  const service = objects.find(
    ({ kind, metadata }) => kind === "Service" && metadata.name === name && metadata.namespace === namespace,
  );
  const ports = isObject(service?.spec) && Array.isArray(service.spec.ports) ? service.spec.ports : [];
  const [first] = ports as readonly unknown[];
  return isObject(first) && typeof first.port === "number" ? first.port : 0;
}
