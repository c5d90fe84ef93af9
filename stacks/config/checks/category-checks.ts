/** Checks between the settings of the category API, its database, and namespaces of other owners. */
import { DATABASE_CONNECTIONS, POOL_SIZE } from "../../../components/category/database-connections";
import { CATEGORY_METRICS } from "../../../components/category/category-paths";
import { RESERVED_VARIABLES } from "../report/platform-messages";
import { problem, type Repair } from "../report/catalogue";
import { check, checkEach, type Check } from "./check";

/** Namespaces of Kubernetes, of the mesh and of observability. */
const OTHERS = [
  ...["default", "kube-*", "istio-system", "istio-ingress"],
  ...["prometheus", "jaeger", "grafana", "grafana-dashboards"],
];

const namespaces = check({ namespace: "category.namespace" }, function* ({ namespace: { name, create } }) {
  if (!create || !OTHERS.includes(name.replace(/^kube-.*/, "kube-*"))) return;
  const params = { namespace: name, others: OTHERS };
  yield problem("namespaceTaken", ["category", "namespace"], params, { set: "category" });
});

/** Ports of the sidecar, which shares the network of the containers (Istio: "Ports used by Istio"). */
const SIDECAR_PORTS = { first: 15_000, last: 15_090 };

const PORT = ["category", "port"];
const FREE_PORT = { set: 8080, example: true } as const;
const ports = [
  check({ port: "category.port", profile: "category.profile" }, function* ({ port, profile }) {
    if (profile === "category-api" && port === CATEGORY_METRICS.port)
      yield problem("portOfMetrics", PORT, { port }, FREE_PORT);
  }),
  check({ port: "category.port" }, function* ({ port }) {
    const { first, last } = SIDECAR_PORTS;
    if (port >= first && port <= last)
      yield problem("portOfSidecar", PORT, { port, ...SIDECAR_PORTS }, FREE_PORT);
  }),
];

const variables = checkEach(
  "category.versions",
  { names: "keys of env" },
  { profile: "category.profile" },
  function* (path, { names }, { profile }) {
    if (profile !== "category-api") return;
    for (const variable of RESERVED_VARIABLES.filter((name) => names.includes(name))) {
      const at = [...path, "env", variable];
      yield problem("variableReserved", at, { variable }, { remove: at });
    }
  },
);

const DATABASE = ["category", "database"];
const VOLUME = { at: [...DATABASE, "server", "volume", "size"], set: "10Gi", example: true } as const;
const URL = { at: [...DATABASE, "url", "secret"], set: "shop-database", example: true } as const;

const databases = [
  check({ keys: "keys of category", profile: "category.profile" }, function* ({ keys, profile }) {
    if (profile !== "shopizer") {
      if (!keys.includes("admin") || keys.includes("database")) return;
      const undone = { remove: ["category", "admin"] };
      yield problem("adminWithoutDatabase", DATABASE, {}, VOLUME, URL, undone);
    } else {
      for (const key of ["database", "admin"].filter((one) => keys.includes(one))) {
        const path = ["category", key];
        yield problem("profileRefuses", path, { key }, { remove: path });
      }
    }
  }),
  check({ keys: "keys of category", kinds: "keys of category.database" }, function* ({ keys, kinds }) {
    if (!keys.includes("database")) return;
    const given = ["url", "server"].filter((key) => kinds.includes(key));
    if (given.length === 1) return;
    const one = given.map((key) => ({ remove: [...DATABASE, key] }));
    const repairs = given.length === 0 ? [URL, VOLUME] : one;
    yield problem("databaseKinds", DATABASE, { both: given.length === 2 }, ...repairs);
  }),
  check(
    {
      production: "production",
      kinds: "keys of category.database",
      server: "keys of category.database.server",
    },
    function* ({ production, kinds, server }) {
      if (!production || !kinds.includes("server") || server.includes("volume")) return;
      yield problem("productionWithoutVolume", [...DATABASE, "server", "volume"], {}, VOLUME);
    },
  ),
];

/** Whether the database has enough connections for the pods of all versions. */
const connections = check(
  {
    kinds: "keys of category.database",
    server: "keys of category.database.server",
    replicas: "category.versions.*.replicas",
    scales: "category.versions.*.autoscaler",
    env: "category.versions.*.env",
  },
  function* ({ kinds, replicas, scales, env }) {
    if (!kinds.includes("server")) return;
    const autoscalers = new Map(scales);
    const variables = new Map(env);
    const pools = replicas.map(([name, fixed = 1]) => {
      const autoscaler = autoscalers.get(name);
      const pods = 2 * (autoscaler?.maxReplicas ?? fixed);
      const own = variables.get(name)?.DATABASE_POOL_SIZE;
      const size = own === undefined ? POOL_SIZE : Number(own) || 0;
      return { name, autoscaler, pods, size, connections: pods * size };
    });
    const all = pools.reduce((sum, pool) => sum + pool.connections, 0);
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
    const params = {
      all,
      most: DATABASE_CONNECTIONS,
      poolSize: POOL_SIZE,
      pools: pools.map((pool) => ({ name: pool.name, connections: pool.connections })),
      repaired: repairs.length > 0,
    };
    yield problem("databaseConnections", path, params, ...repairs);
  },
);

export const CATEGORY_CHECKS: readonly Check[] = [namespaces, ...ports, variables, ...databases, connections];
