import { DATABASE_CONNECTIONS, POOL_SIZE } from "../../components/category/database-connections";
import { SUBDOMAIN } from "./dns";
import { field, object, quantity, refuse, text, withDefault } from "./fields";
import { imageReference } from "./image";
import { resources } from "./pods";
import type { Finding, Repair } from "./problem";
import type { PartialConfiguration } from "./rules";

const secret = (description: string, example: string) =>
  field(
    (value) => {
      if (typeof value !== "string" || value === "") return refuse();
      // Never the value: it may be what belongs in the Secret.
      return SUBDOMAIN.test(value) ? value : refuse({ found: "text that is not such a name" });
    },
    {
      title: "the name of a Kubernetes Secret",
      type: "string",
      pattern: SUBDOMAIN.source,
      description,
      example,
    },
  );

export const database = object(
  {
    url: object(
      {
        secret: secret("Secret in the namespace of the workloads.", "shop-database"),
        key: withDefault(
          text(/^[\w.-]{1,253}$/, "a key of a Secret", {
            description: "Key in it: postgres://<user>:<password>@<host>:<port>/<database>.",
            example: "url",
          }),
          "url",
        ),
      },
      "A PostgreSQL of your own: where its URL is kept. The URL itself holds a password and belongs in no stack file.",
    ).exactOptional(),
    server: object(
      {
        image: field(
          (value) => {
            const { tag, digest } = (typeof value === "string" ? imageReference(value) : undefined) ?? {};
            return (tag ?? digest) === undefined ? refuse() : (value as string);
          },
          {
            title: "an image with a tag or a digest, such as docker.io/library/postgres:17.6",
            type: "string",
            description:
              "Image with the interface of Docker's official postgres, Debian variant; postgres:17.6 when absent.",
            example: "docker.io/library/postgres:17.6",
          },
        ).exactOptional(),
        volume: object(
          {
            size: quantity("storage", { description: "Size of the persistent volume.", example: "10Gi" }),
            storageClass: text(SUBDOMAIN, "the name of a StorageClass", {
              description: "Class of the volume; the cluster's default when absent.",
              example: "standard",
            }).exactOptional(),
          },
          "Persistent volume; without it the data end with the pod. Needed in production.",
        ).exactOptional(),
        resources: resources.exactOptional(),
      },
      "A PostgreSQL in the cluster: one pod, with a generated password.",
    ).exactOptional(),
  },
  "PostgreSQL that all versions share; without it each pod has a database of its own in memory, and nothing is kept.",
);

export const admin = object(
  {
    secret: secret(
      "Secret in the namespace of the workloads with the keys password (of admin@shopizer.com, 12 characters or more) and jwt-secret (64 or more).",
      "category-admin",
    ),
  },
  "Login of administrators, who may change categories; without it nobody may.",
);

/** Everything that is wrong between the settings of the database and with those of the rest. */
export function* databaseFindings({ category, production }: PartialConfiguration): Generator<Finding> {
  if (category === undefined) return;
  const { database, profile } = category;
  for (const key of ["database", "admin"] as const) {
    if (!(key in category) || profile !== "shopizer") continue;
    yield {
      path: ["category", key],
      found: `${key} with profile shopizer`,
      allowed: `${key} with profile category-api`,
      hint: "Shopizer's own image is told its database by env of the versions, and has users of its own",
      repairs: [{ remove: ["category", key] }],
    };
  }
  if ("admin" in category && !("database" in category) && profile !== "shopizer") {
    yield {
      path: ["category", "database"],
      found: "nothing, with admin",
      allowed: "a database, because administrators log in",
      hint: "each pod would have a database of its own, which takes no login of another pod and keeps no change",
      repairs: [
        { at: ["category", "database", "server", "volume", "size"], set: "10Gi", example: true },
        { at: ["category", "database", "url", "secret"], set: "shop-database", example: true },
        { remove: ["category", "admin"] },
      ],
    };
  }
  if (database === undefined) return;
  const given = (["url", "server"] as const).filter((key) => key in database);
  if (given.length !== 1) {
    yield {
      path: ["category", "database"],
      found: given.length === 0 ? "neither url nor server" : "both url and server",
      allowed: "one of the two",
      repairs:
        given.length === 0
          ? [
              { at: ["category", "database", "url", "secret"], set: "shop-database", example: true },
              { at: ["category", "database", "server", "volume", "size"], set: "10Gi", example: true },
            ]
          : given.map((key) => ({ remove: ["category", "database", key] })),
    };
  }
  if (production === true && database.server !== undefined && !("volume" in database.server)) {
    yield {
      path: ["category", "database", "server", "volume"],
      found: "nothing",
      allowed: "a persistent volume in production",
      hint: "shopzier:production is true",
      repairs: [{ at: ["category", "database", "server", "volume", "size"], set: "10Gi", example: true }],
    };
  }
  if (database.server !== undefined) yield* connectionFindings(category.versions ?? {});
}

type Versions = NonNullable<NonNullable<PartialConfiguration["category"]>["versions"]>;

/** Whether the pods of all versions find a connection. What could not be read has none. */
function* connectionFindings(versions: Versions): Generator<Finding> {
  const pools = Object.entries(versions).map(([name, version]) => {
    const { autoscaler, replicas, env = {} } = version ?? {};
    const pods = 2 * (autoscaler?.maxReplicas ?? replicas ?? 1);
    const size = "DATABASE_POOL_SIZE" in env ? Number(env.DATABASE_POOL_SIZE) || 0 : POOL_SIZE;
    return { name, autoscaler, pods, size, connections: pods * size };
  });
  const all = pools.reduce((sum, { connections }) => sum + connections, 0);
  const [most] = pools.sort((a, b) => b.connections - a.connections);
  if (most === undefined || all <= DATABASE_CONNECTIONS) return;
  const path = ["category", "versions"];
  const room = DATABASE_CONNECTIONS - (all - most.connections);
  const size = Math.floor(room / most.pods);
  const pods = Math.floor(room / most.size / 2);
  const scale = most.autoscaler ? ["autoscaler", "maxReplicas"] : ["replicas"];
  const repairs: Repair[] = [
    ...(size >= 1 ? [{ at: [...path, most.name, "env", "DATABASE_POOL_SIZE"], set: size }] : []),
    ...(pods >= (most.autoscaler?.minReplicas ?? 1)
      ? [{ at: [...path, most.name, ...scale], set: pods }]
      : []),
  ];
  yield {
    path,
    found: `up to ${all} connections to the database: ${pools.map((pool) => `${pool.connections} of ${pool.name}`).join(", ")}`,
    allowed: `at most ${DATABASE_CONNECTIONS}`,
    hint: `an update doubles the most pods of a version, and each pod takes DATABASE_POOL_SIZE (in env; ${POOL_SIZE} when absent)`,
    repairs:
      repairs.length > 0
        ? repairs
        : [{ say: "fewer pods, or a smaller DATABASE_POOL_SIZE, in several versions" }],
  };
}
