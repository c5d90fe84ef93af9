import { CATEGORY_METRICS } from "../../components/category/category-paths";
import { admin, database } from "./database";
import { hostOf, LABEL, LABEL_RULE, HOST_NAME } from "./dns";
import {
  choice,
  duration,
  field,
  integer,
  list,
  map,
  object,
  path,
  refuse,
  show,
  text,
  withDefault,
} from "./fields";
import { imageReference } from "./image";
import { namespace } from "./namespace";
import { autoscaler, resources } from "./pods";
import type { Finding } from "./problem";
import type { PartialConfiguration } from "./rules";

const version = object(
  {
    image: field(
      (value) => {
        const reference = typeof value === "string" ? imageReference(value) : undefined;
        if (reference !== undefined) return value as string;
        return refuse({
          ...(typeof value === "string" && imageReference(value.toLowerCase().trim()) !== undefined
            ? { repairs: [{ set: value.toLowerCase().trim() }] }
            : {}),
        });
      },
      {
        title: "an image reference: [registry/]name[:tag][@digest], the name in lowercase",
        type: "string",
        minLength: 1,
        description: "Container image; in production with a tag other than latest, or a digest.",
        example: "registry.example.com/category-api:1.0.0",
      },
    ),
    replicas: integer(0, 1000, {
      description:
        "Pods of this version. Default 1, or `autoscaler`; 0 only where neither weights nor a rule nor a mirror send it requests.",
      example: 2,
    }).exactOptional(),
    autoscaler: autoscaler.exactOptional(),
    env: map(
      {
        pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
        allowed: "letters, digits and _, not a digit first",
        of: "variable",
      },
      field(
        (value) => {
          if (typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value))
            return String(value);
          // Never the value: an environment is where secrets end up.
          return refuse({
            found: typeof value === "number" ? "a number with a fraction" : "something that is not text",
            repairs: [{ say: "write it as text in quotes" }],
          });
        },
        {
          title: "text; a number with a fraction in quotes",
          type: ["string", "integer", "boolean"],
          description: "Value.",
        },
      ),
      "Environment variables of the container. They are stored in plain text: not for secrets.",
    ).prefault({}),
    resources: resources.exactOptional(),
    readinessPath: path("HTTP path of the readiness probe; the profile's when absent.").exactOptional(),
    livenessPath: path("HTTP path of the liveness probe; the profile's when absent.").exactOptional(),
  },
  "A version of the service: one Deployment.",
);

const host = (description: string) =>
  text(
    new RegExp(`^(\\*|(\\*\\.)?${HOST_NAME.source.slice(1, -1)})$`),
    "a host name in lowercase, without scheme and port; outside production also * or *.example.com",
    { description, example: "shop.example.com" },
    hostOf,
  );

export const category = object(
  {
    host: host("Host name that clients ask for. No wildcard in production."),
    aliases: list(
      host("A host name."),
      "a list of host names, each once",
      "Further host names that clients ask for, with the same routes; none that covers another. No wildcard in production.",
    ).default([]),
    namespace: namespace("Kubernetes namespace of the workloads.", "category"),
    port: withDefault(
      integer(1, 65535, {
        description:
          "Port on which the containers listen. Not one of the sidecar's, 15000 to 15090, nor 9464, where our own service shows its metrics. A later change interrupts the service.",
        example: 8080,
      }),
      8080,
    ),
    profile: withDefault(
      choice(["category-api", "shopizer"], {
        description:
          "Whose probes and resources are the default: this project's service, or the Shopizer image (a JVM).",
      }),
      "category-api",
    ),
    versions: map(
      { pattern: LABEL, allowed: LABEL_RULE, of: "version" },
      version,
      "Version name → workload. At least one; names are free.",
    ).prefault({}),
    database: database.exactOptional(),
    admin: admin.exactOptional(),
    drain: withDefault(
      duration("seconds", 0, 3_600_000, {
        description: "How long a stopping pod finishes its requests.",
        range: 'from "0s" to "1h"',
        example: "25s",
      }),
      25,
      "25s",
    ),
    readyTimeout: duration("seconds", 1000, 3_600_000, {
      description:
        "How long the pods of a version may take to get ready; then the update fails. When absent 180s, for profile shopizer 600s.",
      range: 'from "1s" to "1h"',
      example: "180s",
    }).exactOptional(),
  },
  "The category API and its versions.",
).meta({ required: ["host", "versions"] });

/** Namespaces of Kubernetes, of the mesh and of what observes it. */
const OTHERS = [
  ...["default", "kube-*", "istio-system", "istio-ingress"],
  ...["prometheus", "jaeger", "grafana", "grafana-dashboards"],
];

/** Ports of the sidecar, which shares the network of the containers (Istio: "Ports used by Istio"). */
const SIDECAR_PORTS = { first: 15_000, last: 15_090 };
/** What this program tells our own service, by which the pod, its probes and Prometheus know it. */
const OWN_VARIABLES: Readonly<Record<string, string>> = {
  CATEGORY_VERSION: "it is the name of the version in shopzier:category.versions",
  PORT: "the port of all versions is shopzier:category.port",
  METRICS_PORT: `Prometheus finds the metrics of all versions on port ${CATEGORY_METRICS.port}`,
  SHUTDOWN_GRACE: "how long a stopping pod finishes its requests is shopzier:category.drain",
  DATABASE_URL: "it holds a password: keep it in a Secret and name that in shopzier:category.database.url",
  ADMIN_PASSWORD: "keep it in a Secret and name that in shopzier:category.admin",
  JWT_SECRET: "keep it in a Secret and name that in shopzier:category.admin",
};

/** What is wrong between the settings of the category API. */
export function* categoryFindings(c: PartialConfiguration): Generator<Finding> {
  const { name: namespace, create } = c.category?.namespace ?? {};
  if (
    namespace !== undefined &&
    create !== false &&
    OTHERS.includes(namespace.replace(/^kube-.*/, "kube-*"))
  ) {
    yield {
      path: ["category", "namespace"],
      found: `${show(namespace)}, which belongs to others`,
      allowed: `a namespace for the service alone: not ${OTHERS.join(", ")}`,
      hint: "what no policy lets in is refused in the whole namespace, in Istio's own in the whole mesh",
      repairs: [{ set: "category" }],
    };
  }
  yield* portFindings(c);
}

/** Everything that would take the containers' port, or what is told of it, for something else. */
function* portFindings({ category }: PartialConfiguration): Generator<Finding> {
  const { port, profile = "category-api", versions = {} } = category ?? {};
  const { first, last } = SIDECAR_PORTS;
  const metrics = profile === "category-api" && port === CATEGORY_METRICS.port;
  if (port !== undefined && (metrics || (port >= first && port <= last))) {
    yield {
      path: ["category", "port"],
      found: `${port}, which ${metrics ? "has the metrics of the service" : "belongs to the sidecar"}`,
      allowed: metrics ? `a port other than ${port}` : `a port outside ${first} to ${last}`,
      repairs: [{ set: 8080, example: true }],
    };
  }
  if (profile !== "category-api") return;
  for (const [name, version] of Object.entries(versions)) {
    for (const [variable, hint] of Object.entries(OWN_VARIABLES)) {
      if (!Object.hasOwn(version?.env ?? {}, variable)) continue;
      const path = ["category", "versions", name, "env", variable];
      yield {
        path,
        found: "a variable that other settings decide",
        allowed: `variables other than ${Object.keys(OWN_VARIABLES).join(", ")}`,
        hint,
        repairs: [{ remove: path }],
      };
    }
  }
}
