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
 * kubernetesx composes only the pod spec. Its Deployments select pods by container name, so two versions with one image would
 * select each other's pods (docs/decisions).
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
        // The service shows its version in answers. For Istio, the label of the pod has the same version.
        env: {
          CATEGORY_VERSION: version,
          PORT: String(category.port),
          ...secretVariables(category),
          ...(category.profile === "category-api" && {
            // Within the grace period of the pod, which the service cannot read.
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

/** Environment variables with values from Secrets. The settings contain only the name and key of the Secret. */
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

/** Sends the service's spans to the Jaeger of this stack if the proxies' spans go there too. */
function traceVariables({ tracing, jaeger }: Settings["observability"]): Record<string, string> {
  if (!jaeger || (tracing?.provider !== "jaeger" && tracing?.provider !== "zipkin")) return {};
  const { otlp } = jaegerCollectors(jaeger.namespace && namespaceName(jaeger.namespace));
  if (tracing.collector?.host !== otlp.host) return {};
  // If the proxies report nothing, the service may not either; headers of a caller could make it report.
  const sampled = Object.values(tracing.namespaces ?? {}).map(({ sampling }) => sampling ?? tracing.sampling);
  if ([tracing.sampling, ...sampled].every((sampling) => sampling === 0)) return {};
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://${otlp.host}:4318`,
    // The sampling decision is that of the mesh.
    OTEL_TRACES_SAMPLER: "parentbased_always_off",
  };
}

/** Removes the empty lists that kubernetesx writes, which server-side apply would own. */
function withoutEmptyLists<T>(value: T): T {
  if (Array.isArray(value)) return value.map((v: unknown) => withoutEmptyLists(v)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => !(Array.isArray(v) && v.length === 0))
      .map(([k, v]) => [k, withoutEmptyLists(v as unknown)]),
  ) as T;
}
