import type * as pulumi from "@pulumi/pulumi";
import {
  type Autoscaler,
  CategoryApi,
  type CategoryApiArgs,
  categoryDefaults,
  type ClusterAccess,
  type EvidenceGateArgs,
  type GateOverride,
  ExistingControlPlane,
  ExistingGateway,
  GatewayAccess,
  IngressGateway,
  IstioControlPlane,
  MutualTls,
  namespaceName,
  type RouteMetrics,
  type Scale,
  type ServiceProbes,
  ServiceType,
} from "../components/index";
import { categoryPod } from "./category-workload";
import { controlPlaneTelemetry, observability, telemetryOf } from "./observability";
import type { Settings, VersionSettings } from "./config/settings";

/** What the stack tells its user. */
export interface ShopzierOutputs {
  /** URL by which a client reaches the gateway. */
  readonly gatewayUrl: pulumi.Output<string>;
  /** Host that a client asks for. */
  readonly host: string;
  /** Version → its share of the traffic in percent. */
  readonly traffic: pulumi.Output<Record<string, number>>;
  readonly loadBalancer: Settings["loadBalancer"];
  readonly versions: pulumi.Output<string[]>;
  /** The override of the gate, with its reason. */
  readonly gateOverride: pulumi.Output<GateOverride | "none">;
}

/** Istio, the gateway and the category API of `settings`, in the cluster of `cluster`. */
export function shopzier(settings: Settings, cluster: ClusterAccess): ShopzierOutputs {
  const { istio, category: c, security } = settings;
  const telemetry = telemetryOf(settings);
  const controlPlane = istioControlPlane(settings, telemetry, cluster);
  const istioAnswers = [controlPlane, controlPlane.ready];
  const gateway = ingressGateway(settings, cluster, { dependsOn: istioAnswers });
  const guards = gatewayGuards(settings, gateway, { dependsOn: [...istioAnswers, gateway] }, cluster);
  const category = new CategoryApi(
    "category",
    {
      ...categoryArgs(settings, gateway),
      injectionLabels: controlPlane.injectionLabels,
      gateway,
      guards,
      cluster,
    },
    { dependsOn: [...istioAnswers, ...guards] },
  );
  if (istio.install) {
    const { mode, namespaces } = security.mtls;
    const exempt = Object.hasOwn(namespaces, c.namespace.name);
    new MutualTls(
      "mtls",
      { mode, namespaces, rootNamespace: istio.namespace.name, cluster },
      { dependsOn: [...istioAnswers, ...(exempt ? [category] : [])] },
    );
  }
  observability(settings, telemetry, { controlPlane, namespaces: [gateway, category], cluster });
  return {
    gatewayUrl: gateway.url,
    host: c.host,
    traffic: category.shares,
    loadBalancer: settings.loadBalancer,
    versions: category.versions,
    gateOverride: category.gateOverride.apply((override) => override ?? "none"),
  };
}

type ControlPlane = IstioControlPlane | ExistingControlPlane;
type Gateway = IngressGateway | ExistingGateway;

function istioControlPlane(
  settings: Settings,
  telemetry: ReturnType<typeof telemetryOf>,
  cluster: ClusterAccess,
): ControlPlane {
  const { istio, security } = settings;
  const { version, charts, revision, hub, tag, values, namespace } = istio;
  if (!istio.install) {
    const needs = { pathNormalization: judgesPaths(settings), since: newerThanOldest(settings) };
    return new ExistingControlPlane("istio", { namespace: namespace.name, revision, needs, cluster });
  }
  return new IstioControlPlane("istio", {
    ...controlPlaneTelemetry(settings, telemetry),
    version,
    charts,
    revision,
    hub,
    tag,
    scale: scale(istio.controlPlane),
    resources: istio.controlPlane.resources,
    networkPolicy: security.networkPolicies.enabled,
    values,
    namespace,
    cluster,
  });
}

function ingressGateway(
  settings: Settings,
  cluster: ClusterAccess,
  opts: pulumi.ComponentResourceOptions,
): Gateway {
  const { istio, gateway: g, category: c, security, propagation } = settings;
  const listeners = {
    hosts: hosts(settings),
    routeNamespaces: [c.namespace.name],
    http: g.http,
    tls: g.tls,
    address: g.address,
    certificateTimeoutSeconds: propagation.wait ? propagation.timeout : 0,
    cluster,
  };
  if (g.existing)
    return new ExistingGateway(`${c.namespace.name}-shop`, { ...g.existing, ...listeners }, opts);
  const { version, charts, revision } = istio;
  const keepsAddresses = judgesPeers(settings) && g.serviceType !== ServiceType.ClusterIP;
  return new IngressGateway(
    "shop",
    {
      ...listeners,
      version,
      charts,
      revision,
      tlsTermination: g.tlsTermination,
      namespace: g.namespace,
      serviceType: g.serviceType,
      nodePorts: g.nodePorts,
      trustedProxies: security.trustedProxies,
      externalTrafficPolicy: keepsAddresses ? "Local" : undefined,
      networkPolicy: security.networkPolicies.enabled,
      scale: scale(g),
      resources: g.resources,
      drainSeconds: g.drain,
      imagePullPolicy: g.imagePullPolicy,
      values: istio.values.gateway,
    },
    opts,
  );
}

function categoryArgs(
  settings: Settings,
  gateway: Gateway,
): Omit<CategoryApiArgs, "injectionLabels" | "gateway"> {
  const { istio, gateway: g, category: c, security, traffic, loadBalancer, propagation } = settings;
  const { prometheus } = settings.observability;
  return {
    namespace: c.namespace,
    profile: c.profile,
    port: c.port,
    drainSeconds: c.drain,
    timeoutSeconds: c.readyTimeout,
    versions: Object.fromEntries(
      Object.entries(c.versions).map(([name, v]) => [
        name,
        {
          pod: categoryPod(name, v, settings),
          scale: scale(v),
          probes: probes(v, c),
          rateLimit: traffic.versions[name]?.rateLimit,
        },
      ]),
    ),
    database: c.database?.server,
    hosts: hosts(settings),
    access: {
      from: [gateway],
      services: security.services,
      // The Prometheus of this program is always one of the scrapers.
      scrapers: [
        ...new Set([
          ...security.networkPolicies.scrapers,
          ...(prometheus ? [namespaceName(prometheus.namespace ?? "prometheus")] : []),
        ]),
      ],
      networkPolicy: security.networkPolicies.enabled,
      // Only the owner may change policies of a mesh or a gateway, so these apply to the service.
      mutualTls: istio.install ? undefined : security.mtls.mode,
      authentication: g.existing && security.authentication,
    },
    traffic: { ...traffic, loadBalancer },
    propagation: { wait: propagation.wait, timeoutSeconds: propagation.timeout },
    metrics: routeMetrics(settings),
    gate: gateArgs(settings),
  };
}

/** Where requests are counted, if a Prometheus is known. */
function routeMetrics({ observability: o, gate }: Settings): RouteMetrics | undefined {
  const own = o.prometheus && `${namespaceName(o.prometheus.namespace ?? "prometheus")}/prometheus:9090`;
  const prometheus = gate?.prometheus ?? own;
  if (prometheus === undefined) return undefined;
  const { objectives, ownCriteria } = o;
  return {
    ...{ prometheus, source: o.metrics.source },
    ...(objectives.objective && { objective: objectives.objective }),
    ...(ownCriteria && { own: ownCriteria }),
  };
}

const gateArgs = ({ gate }: Settings): EvidenceGateArgs | undefined =>
  gate && {
    windowSeconds: gate.window,
    onMissing: gate.onMissing,
    ...(gate.override && { override: gate.override }),
  };

const hosts = ({ category: { host, aliases } }: Settings): string[] => [host, ...aliases];

/** The policies that are written before the routes. */
function gatewayGuards(
  settings: Settings,
  gateway: Gateway,
  opts: pulumi.ComponentResourceOptions,
  cluster: ClusterAccess,
): GatewayAccess[] {
  const { access, authentication, trustedProxies } = settings.security;
  const { existing } = settings.gateway;
  if (!access && (!authentication || existing)) return [];
  const shared = existing && { hosts: hosts(settings), preflights: hasCors(settings) };
  return [
    new GatewayAccess(
      existing ? `${settings.category.namespace.name}-access` : "shop-access",
      {
        gateway,
        lists: access,
        ...(shared ?? { authentication }),
        trustedProxies,
        cluster,
      },
      opts,
    ),
  ];
}

function hasCors({ traffic }: Settings): boolean {
  return [traffic.policies, ...traffic.rules.map(({ policies }) => policies)].some(
    (policies) => policies?.cors !== undefined && policies.cors !== "none",
  );
}

/** Whether another spelling of a path would let in what is refused. */
function judgesPaths({ security: { access, authentication, services } }: Settings): boolean {
  const refused = [
    ...(access?.deny ?? []),
    ...(authentication ? [...(authentication.required ?? []), { paths: authentication.optional }] : []),
    ...(services?.deny ?? []),
  ];
  return refused.some(({ paths }) => paths !== undefined);
}

/** Minors of Istio before which something in the settings is without effect: a chart's version is checked with the settings. */
function newerThanOldest({ traffic, loadBalancer }: Settings): Record<string, string> {
  const own = Object.values(traffic.versions);
  const budget = [traffic, ...own].some(({ circuitBreaker }) => circuitBreaker?.retryBudget !== undefined);
  const slow = [loadBalancer, ...own.map((version) => version.loadBalancer)].some(
    (balancer) => typeof balancer === "object" && (balancer.warmup?.aggression ?? 1) < 1,
  );
  return {
    ...(budget && { "1.30": "a retry budget" }),
    ...(slow && { "1.31": "warmup.aggression below 1" }),
  };
}

/** Whether access or limits go by the address of the peer, which a node in between would hide (externalTrafficPolicy). */
function judgesPeers({ security: { access, trustedProxies }, traffic }: Settings): boolean {
  const entries = [...(access?.deny ?? []), ...(access?.allow ?? [])];
  const listed = entries.some(({ addresses }) => addresses !== undefined);
  const counted = traffic.globalRateLimit?.clients?.includes("clientAddress") === true;
  return trustedProxies === 0 && (listed || counted);
}

/** Settings hold `replicas` or `autoscaler` or neither; components take one `scale`, and have the default. */
function scale(s: { readonly replicas?: number; readonly autoscaler?: Autoscaler }): Scale | undefined {
  if (s.autoscaler) return { autoscaler: s.autoscaler };
  return s.replicas === undefined ? undefined : { replicas: s.replicas };
}

function probes({ readinessPath, livenessPath }: VersionSettings, c: Settings["category"]): ServiceProbes {
  const usual = categoryDefaults(c.profile).probes;
  return {
    readinessPath: readinessPath ?? usual.readinessPath,
    livenessPath: livenessPath ?? usual.livenessPath,
    // The pods wait for the database, which on the first day has to be fetched and made.
    startupSeconds: c.database ? 300 : usual.startupSeconds,
  };
}
