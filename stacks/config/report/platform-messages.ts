/** Messages of problems between the settings of the service, its database, Istio and the gateway. */
import { CATEGORY_METRICS } from "../../../components/category/category-paths";
import { message } from "../../../components/traffic/problem";
import { show } from "./words";

/** Environment variables that this program sets for the category service, since pod, probes and Prometheus depend on them. */
const RESERVED = {
  CATEGORY_VERSION: "it is the name of the version in shopzier:category.versions",
  PORT: "the port of all versions is shopzier:category.port",
  METRICS_PORT: `Prometheus finds the metrics of all versions on port ${CATEGORY_METRICS.port}`,
  SHUTDOWN_GRACE: "how long a stopping pod finishes its requests is shopzier:category.drain",
  DATABASE_URL: "it holds a password: keep it in a Secret and name that in shopzier:category.database.url",
  ADMIN_PASSWORD: "keep it in a Secret and name that in shopzier:category.admin",
  JWT_SECRET: "keep it in a Secret and name that in shopzier:category.admin",
} as const;
type ReservedVariable = keyof typeof RESERVED;
export const RESERVED_VARIABLES = Object.keys(RESERVED) as readonly ReservedVariable[];

const category = {
  namespaceTaken: message("SM0201", (p: { namespace: string; others: readonly string[] }) => ({
    found: `${show(p.namespace)}, which belongs to others`,
    allowed: `a namespace for the service alone: not ${p.others.join(", ")}`,
    hint: "what no policy lets in is refused in the whole namespace, in Istio's own in the whole mesh",
  })),
  portOfMetrics: message("SM0202", (p: { port: number }) => ({
    found: `${p.port}, which has the metrics of the service`,
    allowed: `a port other than ${p.port}`,
  })),
  portOfSidecar: message("SM0203", (p: { port: number; first: number; last: number }) => ({
    found: `${p.port}, which belongs to the sidecar`,
    allowed: `a port outside ${p.first} to ${p.last}`,
  })),
  variableReserved: message("SM0204", (p: { variable: ReservedVariable }) => ({
    found: "a variable that other settings decide",
    allowed: `variables other than ${RESERVED_VARIABLES.join(", ")}`,
    hint: RESERVED[p.variable],
  })),
  versionsNone: message("SM0205", () => ({ found: "no version", allowed: "at least one version" })),
  versionOff: message("SM0206", (p: { gets: string }) => ({
    found: `0 replicas for ${p.gets}`,
    allowed: "at least 1 for a version with traffic",
  })),
  weightsNone: message("SM0207", () => ({
    found: "no weight",
    allowed: "a weight for every declared version",
  })),
  hostCovered: message("SM0208", (p: { host: string; by: string }) => ({
    found: `${show(p.host)} beside ${show(p.by)}`,
    allowed: "hosts of which none covers another",
  })),
};

const pods = {
  scaleTwice: message("SM0211", () => ({
    found: "both replicas and autoscaler",
    allowed: "one of the two",
    hint: "an autoscaler and a fixed number would undo each other's work",
  })),
  autoscalerBounds: message("SM0212", (p: { most: number; fewest: number }) => ({
    found: `${p.most}, fewer than minReplicas ${p.fewest}`,
    allowed: `at least ${p.fewest}`,
  })),
  autoscalerBlind: message("SM0213", (p: { cpu: string | undefined }) => ({
    found: p.cpu === undefined ? "nothing, with an autoscaler" : `${show(p.cpu)} with an autoscaler`,
    allowed: "the CPU to reserve, by which an autoscaler measures",
    hint: "Kubernetes scales nothing without it (missing request for cpu)",
  })),
  requestAboveLimit: message("SM0214", (p: { request: Amount; limit: Amount }) => ({
    found: `a request of ${amountText(p.request)}, with a limit of ${amountText(p.limit)}`,
    allowed: "a request that is not above its limit",
  })),
};

interface Amount {
  readonly amount: string;
  /** Whether the value is the chart's default. */
  readonly ofChart: boolean;
}
const amountText = ({ amount, ofChart }: Amount): string =>
  amount + (ofChart ? ", which the chart sets" : "");

const database = {
  profileRefuses: message("SM0221", (p: { key: string }) => ({
    found: `${p.key} with profile shopizer`,
    allowed: `${p.key} with profile category-api`,
    hint: "Shopizer's own image is told its database by env of the versions, and has users of its own",
  })),
  adminWithoutDatabase: message("SM0222", () => ({
    found: "nothing, with admin",
    allowed: "a database, because administrators log in",
    hint: "each pod would have a database of its own, which takes no login of another pod and keeps no change",
  })),
  databaseKinds: message("SM0223", (p: { both: boolean }) => ({
    found: p.both ? "both url and server" : "neither url nor server",
    allowed: "one of the two",
  })),
  databaseConnections: message(
    "SM0224",
    (p: {
      all: number;
      most: number;
      poolSize: number;
      pools: readonly { readonly name: string; readonly connections: number }[];
      repaired: boolean;
    }) => ({
      found: `up to ${p.all} connections to the database: ${p.pools.map((pool) => `${pool.connections} of ${pool.name}`).join(", ")}`,
      allowed: `at most ${p.most}`,
      hint: `an update doubles the most pods of a version, and each pod takes DATABASE_POOL_SIZE (in env; ${p.poolSize} when absent)`,
      advice: p.repaired ? undefined : "fewer pods, or a smaller DATABASE_POOL_SIZE, in several versions",
    }),
  ),
};

const gateway = {
  addressMissing: message("SM0301", () => ({
    found: "nothing",
    allowed: "the host name or address of a node, because serviceType is NodePort",
  })),
  addressUnused: message("SM0302", (p: { address: string; serviceType: string }) => ({
    found: `${show(p.address)} with serviceType ${p.serviceType}`,
    allowed: "an address with serviceType NodePort only",
  })),
  nodePortsUnused: message("SM0303", () => ({
    found: "node ports with serviceType ClusterIP",
    allowed: "node ports with serviceType NodePort or LoadBalancer",
  })),
  nodePortTwice: message("SM0304", (p: { port: number }) => ({
    found: `${p.port} for both HTTP and HTTPS`,
    allowed: "two different ports",
  })),
  nodePortOfOther: message("SM0305", (p: { port: number; other: string }) => ({
    found: `${p.port}, which is the port for ${p.other.toUpperCase()} where none is set`,
    allowed: "two different ports",
  })),
  statusPortTaken: message("SM0306", (p: { port: number; other: string }) => ({
    found: `${p.port} for both health checks and ${p.other.toUpperCase()}`,
    allowed: "a port of its own",
  })),
  listenerNone: message("SM0307", () => ({
    found: "neither http nor tls",
    allowed: "at least one of them",
  })),
  redirectUnheard: message("SM0308", () => ({
    found: "true with http false",
    allowed: "a redirect only where port 80 is open",
  })),
  tlsHostUnserved: message("SM0309", (p: { hosts: readonly string[] }) => ({
    found: "a host that is not served",
    allowed: p.hosts.join(", "),
    hint: "shopzier:category.host and aliases are the hosts that are served",
  })),
  tlsEndsTwice: message("SM0310", () => ({
    found: '"load-balancer" with gateway.tls',
    allowed: "one place where TLS ends",
  })),
  tlsEndsUntrusted: message("SM0311", () => ({
    found: '"load-balancer" without trusted proxies',
    allowed: "load-balancer where shopzier:security.trustedProxies counts it",
    hint: "without trust X-Forwarded-Proto is the client's own word, and the gateway takes all for HTTP",
  })),
};

const istio = {
  istioWithoutBudget: message("SM0321", (p: { version: string }) => ({
    found: `a retry budget with Istio ${p.version}`,
    allowed: "a retry budget from Istio 1.30 on",
    hint: "older ones lose it as soon as a version has a policy of its own (istio/istio 59667)",
  })),
  istioWithoutAggression: message("SM0322", (p: { version: string; aggression: number }) => ({
    found: `${p.aggression} with Istio ${p.version}`,
    allowed: "at least 1 before Istio 1.31",
  })),
};

export const PLATFORM_MESSAGES = { ...category, ...pods, ...database, ...gateway, ...istio };
