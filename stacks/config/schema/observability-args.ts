/** The settings of observability, as components take them. */
import type { z } from "zod";
import type { AccessLogs } from "../../../components/observability/access-logs";
import { jaegerCollectors, type JaegerStorage } from "../../../components/observability/jaeger-config";
import type { JaegerArgs } from "../../../components/observability/jaeger";
import type { MetricCustomization } from "../../../components/observability/metrics";
import type { ChartReleaseArgs } from "../../../components/observability/chart-release";
import { type PrometheusArgs, type Storage } from "../../../components/observability/prometheus";
import type { OwnCriterion } from "../../../components/observability/own-criterion";
import type { MetricsSource } from "../../../components/observability/queries";
import type { VersionRulesArgs } from "../../../components/observability/version-rules";
import {
  type TraceTag,
  type Tracing,
  TRACING_PORTS,
  TracingProvider,
} from "../../../components/observability/tracing";

import type { observability } from "./observability-settings";

type Written = z.output<typeof observability>;

/** The settings of observability as arguments of components. A field that is absent is off. */
export interface ObservabilitySettings {
  readonly prometheus?: Omit<PrometheusArgs, "rules">;
  readonly jaeger?: JaegerArgs;
  readonly tracing?: Tracing;
  readonly accessLogs?: AccessLogs;
  readonly metrics: { readonly source: MetricsSource; readonly customization: MetricCustomization };
  readonly objectives: Pick<VersionRulesArgs, "objective"> &
    Required<Pick<VersionRulesArgs, "fast" | "slow">>;
  readonly ownCriteria?: Readonly<Record<string, OwnCriterion>>;
  readonly dashboards: boolean;
  readonly grafana?: ChartReleaseArgs;
}

/** The arguments for the block `observability`, including those that follow from other settings. */
export function observabilitySettings(o: Written): ObservabilitySettings {
  const { source, ...customization } = o.metrics;
  const { availability, latency, own, fast, slow } = o.objectives;
  return {
    ...(o.prometheus?.enabled && { prometheus: prometheusSettings(o.prometheus) }),
    ...(o.jaeger?.enabled && { jaeger: jaegerSettings(o.jaeger) }),
    ...(o.tracing &&
      o.tracing.provider !== TracingProvider.none && {
        tracing: tracingSettings(o.tracing, o.jaeger?.namespace.name),
      }),
    ...(o.accessLogs?.enabled && { accessLogs: accessLogSettings(o.accessLogs) }),
    metrics: {
      source,
      customization: {
        ...customization,
        ...(customization.operations && {
          operations: customization.operations.map(({ exact, prefix, ...rest }) => ({
            ...rest,
            path: exact === undefined ? { prefix: prefix ?? "/" } : { exact },
          })),
        }),
      } as MetricCustomization,
    },
    objectives: {
      objective: {
        availability,
        latency: { withinMs: latency.within, percent: latency.percent },
      },
      fast,
      slow,
    },
    ...(own && { ownCriteria: mapped(own, ownCriterion) }),
    dashboards: o.dashboards || o.grafana?.enabled === true,
    ...(o.grafana?.enabled && { grafana: without(o.grafana, "enabled") }),
  };
}

const mapped = <From, To>(
  entries: Readonly<Record<string, From>>,
  to: (one: From) => To,
): Record<string, To> => Object.fromEntries(Object.entries(entries).map(([name, one]) => [name, to(one)]));

/** Rounded, since 1 - 0.98 is not exactly 0.02. */
const ownCriterion = ({
  percent,
  ...counters
}: NonNullable<Written["objectives"]["own"]>[string]): OwnCriterion =>
  ({ objective: Number((1 - percent / 100).toPrecision(6)), ...counters }) as OwnCriterion;

function prometheusSettings(p: NonNullable<Written["prometheus"]>): Omit<PrometheusArgs, "rules"> {
  const { interval, ...rest } = without(p, "enabled");
  return { ...rest, intervalSeconds: interval };
}

function jaegerSettings(j: NonNullable<Written["jaeger"]>): JaegerArgs {
  const { memory, badger, elasticsearch, opensearch, ...rest } = without(j, "enabled");
  const storage: JaegerStorage | undefined = memory
    ? { memory }
    : badger
      ? { badger: { ...(without(badger, "keep") as Storage), hours: badger.keep / 3600 } }
      : elasticsearch
        ? { elasticsearch }
        : opensearch
          ? { opensearch }
          : undefined;
  return { ...rest, ...(storage && { storage }) };
}

function tracingSettings(t: NonNullable<Written["tracing"]>, jaegerNamespace: string | undefined): Tracing {
  const { provider, collector: given, token, tags: own, namespaces, ...rest } = t;
  const ports = provider === "none" ? 0 : TRACING_PORTS[provider];
  const jaeger = jaegerCollectors(jaegerNamespace);
  const address = given
    ? { port: ports, ...given }
    : provider === "lightstep"
      ? { host: "ingest.lightstep.com", port: ports }
      : provider === "zipkin"
        ? jaeger.zipkin
        : jaeger.otlp;
  return {
    provider,
    ...rest,
    collector: address,
    ...(token && {
      token: { name: token.secret, key: token.key },
      ...(token.header !== undefined && { tokenHeader: token.header }),
    }),
    ...(own && { tags: own as Record<string, TraceTag> }),
    ...(namespaces && { namespaces: namespaces as NonNullable<Tracing["namespaces"]> }),
  };
}

function accessLogSettings(a: NonNullable<Written["accessLogs"]>): AccessLogs {
  const { slowerThan, collector: given, ...rest } = without(a, "enabled");
  return {
    ...rest,
    ...(slowerThan !== undefined && { slowerThanMs: slowerThan }),
    ...(given && { collector: { port: 4317, ...given } }),
  };
}

function without<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const rest = { ...value };
  Reflect.deleteProperty(rest, key);
  return rest;
}
