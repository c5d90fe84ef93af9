import * as kx from "@pulumi/kubernetesx";
import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  CATEGORY_DATABASE_URL,
  categoryDefaults,
  jaegerCollectors,
  namespaceName,
} from "../components/index";
import type { CategorySettings, Settings, VersionSettings } from "./config/settings";

/**
 * The pod of one version of the category API.
 *
 * kubernetesx composes the pod spec and nothing else: its Deployments select pods by container name, so that two
 * versions of one image would fight over pods (docs/decisions).
 */
export function categoryPod(
  version: string,
  settings: VersionSettings,
  { category, observability }: Pick<Settings, "category" | "observability">,
): pulumi.Output<k8s.types.input.core.v1.PodSpec> {
  const builder = new kx.PodBuilder({
    containers: [
      {
        name: "category",
        image: settings.image,
        // The service names the version that answered; the label of the pod says the same to Istio.
        env: {
          CATEGORY_VERSION: version,
          PORT: String(category.port),
          ...secretVariables(category),
          ...(category.profile === "category-api" && {
            // As long as the pod's own grace has room for: the service does not know how the pod ends.
            SHUTDOWN_GRACE: String(category.drain),
            ...traceVariables(observability),
          }),
          ...settings.env,
        },
        resources: settings.resources ?? categoryDefaults(category.profile).resources,
      },
    ],
  });
  return pulumi.output(builder.podSpec).apply(withoutEmptyLists);
}

/** Variables whose values are kept in Secrets: here is only where. */
function secretVariables({
  database,
  admin,
}: CategorySettings): Record<string, k8s.types.input.core.v1.EnvVarSource> {
  const from = (secret: string, key: string) => ({ secretKeyRef: { name: secret, key } });
  const url = database?.url ?? (database?.server && CATEGORY_DATABASE_URL);
  return {
    ...(url && { DATABASE_URL: from(url.secret, url.key) }),
    ...(admin && {
      ADMIN_PASSWORD: from(admin.secret, "password"),
      JWT_SECRET: from(admin.secret, "jwt-secret"),
    }),
  };
}

/** The service's own spans go where those of the proxies go, if that is the Jaeger of this stack. */
function traceVariables({ tracing, jaeger }: Settings["observability"]): Record<string, string> {
  if (!jaeger || (tracing?.provider !== "jaeger" && tracing?.provider !== "zipkin")) return {};
  const { otlp } = jaegerCollectors(jaeger.namespace && namespaceName(jaeger.namespace));
  if (tracing.collector?.host !== otlp.host) return {};
  // Where proxies report nothing, a caller's own headers would still make the service report.
  const sampled = Object.values(tracing.namespaces ?? {}).map(({ sampling }) => sampling ?? tracing.sampling);
  if ([tracing.sampling, ...sampled].every((sampling) => sampling === 0)) return {};
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://${otlp.host}:4318`,
    // The mesh decides which requests are traced.
    OTEL_TRACES_SAMPLER: "parentbased_always_off",
  };
}

/** kubernetesx writes every list that it knows, also empty; server-side apply would then own them. */
function withoutEmptyLists<T>(value: T): T {
  if (Array.isArray(value)) return value.map((v: unknown) => withoutEmptyLists(v)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => !(Array.isArray(v) && v.length === 0))
      .map(([k, v]) => [k, withoutEmptyLists(v as unknown)]),
  ) as T;
}
