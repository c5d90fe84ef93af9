import type * as pulumi from "@pulumi/pulumi";
import {
  type Autoscaler,
  CategoryApi,
  categoryDefaults,
  type ClusterAccess,
  ExistingControlPlane,
  ExistingGateway,
  GatewayAccess,
  IngressGateway,
  IstioControlPlane,
  MutualTls,
  namespaceName,
  type RateLimit,
  type Scale,
  type ServiceProbes,
  ServiceType,
  TlsTermination,
} from "../components/index";
import { categoryPod } from "./category-workload";
import { controlPlaneTelemetry, observability, telemetryOf } from "./observability";
import type { Settings, VersionSettings } from "./config/settings";

/** The outputs of the stack. */
export interface ShopzierOutputs {
  /** URL of the gateway for clients. */
  readonly gatewayUrl: pulumi.Output<string>;
  /** Host of the service. */
  readonly host: string;
  /** Version → share of the requests in percent. */
  readonly traffic: pulumi.Output<Record<string, number>>;
  readonly loadBalancer: Settings["loadBalancer"];
  readonly versions: pulumi.Output<string[]>;
}

/** Istio, the gateway and the category API of `settings`, in the cluster of `cluster`. */
export function shopzier(settings: Settings, cluster: ClusterAccess): ShopzierOutputs {
  const { istio, gateway: g, category: c, security } = settings;
  const { prometheus } = settings.observability;
  const { version, charts, revision } = istio;
  const release = { version, charts, ...(revision !== undefined && { revision }) };
  const networkPolicy = security.networkPolicies.enabled;
  const hosts = [c.host, ...c.aliases];

  const telemetry = telemetryOf(settings);
  const controlPlane = istio.install
    ? new IstioControlPlane("istio", {
        ...release,
        ...controlPlaneTelemetry(settings, telemetry),
        ...(istio.hub !== undefined && { hub: istio.hub }),
        ...(istio.tag !== undefined && { tag: istio.tag }),
        ...scale(istio.controlPlane),
        ...(istio.controlPlane.resources && { resources: istio.controlPlane.resources }),
        networkPolicy,
        values: istio.values,
        namespace: istio.namespace,
        cluster,
      })
    : new ExistingControlPlane("istio", {
        namespace: istio.namespace.name,
        ...(revision !== undefined && { revision }),
        needs: { pathNormalization: judgesPaths(settings), since: newerThanOldest(settings) },
        cluster,
      });
  const afterIstio = { dependsOn: [controlPlane, controlPlane.ready] };

  const listeners = {
    hosts,
    routeNamespaces: [c.namespace.name],
    http: g.http,
    ...(g.tls && { tls: g.tls }),
    ...(g.address !== undefined && { address: g.address }),
    certificateTimeoutSeconds: settings.propagation.wait ? settings.propagation.timeout : 0,
    cluster,
  };
  const gateway = g.existing
    ? new ExistingGateway(`${c.namespace.name}-shop`, { ...g.existing, ...listeners }, afterIstio)
    : new IngressGateway(
        "shop",
        {
          ...release,
          ...listeners,
          ...(g.tlsTermination === TlsTermination.LoadBalancer && { tlsTermination: g.tlsTermination }),
          namespace: g.namespace,
          serviceType: g.serviceType,
          ...(g.nodePorts && { nodePorts: g.nodePorts }),
          trustedProxies: security.trustedProxies,
          ...(judgesPeers(settings) &&
            g.serviceType !== ServiceType.ClusterIP && { externalTrafficPolicy: "Local" as const }),
          networkPolicy,
          ...scale(g),
          ...(g.resources && { resources: g.resources }),
          drainSeconds: g.drain,
          ...(g.imagePullPolicy && { imagePullPolicy: g.imagePullPolicy }),
          ...(istio.values.gateway && { values: istio.values.gateway }),
        },
        afterIstio,
      );

  const guards = gatewayGuards(settings, gateway, controlPlane, cluster);
  const category = new CategoryApi(
    "category",
    {
      namespace: c.namespace,
      injectionLabels: controlPlane.injectionLabels,
      profile: c.profile,
      port: c.port,
      drainSeconds: c.drain,
      ...(c.readyTimeout !== undefined && { timeoutSeconds: c.readyTimeout }),
      versions: Object.fromEntries(
        Object.entries(c.versions).map(([name, v]) => [
          name,
          {
            pod: categoryPod(name, v, settings),
            ...scale(v),
            probes: probes(v, c),
            ...rateLimit(settings.traffic.versions[name]),
          },
        ]),
      ),
      ...(c.database?.server && { database: c.database.server }),
      hosts,
      gateway,
      access: {
        from: [gateway.identity],
        ...(security.services && { services: security.services }),
        // The Prometheus of this program is always one of the scrapers.
        scrapers: [
          ...new Set([
            ...security.networkPolicies.scrapers,
            ...(prometheus ? [namespaceName(prometheus.namespace ?? "prometheus")] : []),
          ]),
        ],
        networkPolicy,
        // Only the owner may change policies of a mesh or a gateway, so these apply to the service.
        ...(!istio.install && { mutualTls: security.mtls.mode }),
        ...(g.existing &&
          security.authentication && {
            authentication: security.authentication,
          }),
      },
      traffic: { ...settings.traffic, loadBalancer: settings.loadBalancer },
      propagation: { wait: settings.propagation.wait, timeoutSeconds: settings.propagation.timeout },
      guards,
      cluster,
    },
    { dependsOn: [controlPlane, controlPlane.ready, ...guards] },
  );

  const { mode, namespaces } = security.mtls;
  if (istio.install) {
    new MutualTls(
      "mtls",
      { mode, namespaces, rootNamespace: istio.namespace.name, cluster },
      {
        dependsOn: [
          ...afterIstio.dependsOn,
          ...(Object.hasOwn(namespaces, c.namespace.name) ? [category] : []),
        ],
      },
    );
  }

  observability(settings, telemetry, { controlPlane, namespaces: [gateway, category], cluster });

  return {
    gatewayUrl: gateway.url,
    host: c.host,
    traffic: category.shares,
    loadBalancer: settings.loadBalancer,
    versions: category.versions,
  };
}

/** The access policies of the gateway. The routes depend on them. */
function gatewayGuards(
  settings: Settings,
  gateway: IngressGateway | ExistingGateway,
  controlPlane: IstioControlPlane | ExistingControlPlane,
  cluster: ClusterAccess,
): GatewayAccess[] {
  const { access, authentication, trustedProxies } = settings.security;
  const { existing } = settings.gateway;
  const { host, aliases, namespace } = settings.category;
  if (!access && (!authentication || existing)) return [];
  return [
    new GatewayAccess(
      existing ? `${namespace.name}-access` : "shop-access",
      {
        gateway: gateway.pods,
        ...(access && { lists: access }),
        ...(existing ? { hosts: [host, ...aliases] } : authentication && { authentication }),
        trustedProxies,
        ...(existing && { preflights: hasCors(settings) }),
        cluster,
      },
      { dependsOn: [controlPlane, controlPlane.ready, gateway] },
    ),
  ];
}

function hasCors({ traffic }: Settings): boolean {
  return [traffic.policies, ...traffic.rules.map(({ policies }) => policies)].some(
    (policies) => policies?.cors !== undefined && policies.cors !== "none",
  );
}

/** Whether a policy depends on paths, so that another spelling of a path could evade it. */
function judgesPaths({ security: { access, authentication, services } }: Settings): boolean {
  const refused = [
    ...(access?.deny ?? []),
    ...(authentication ? [...(authentication.required ?? []), { paths: authentication.optional }] : []),
    ...(services?.deny ?? []),
  ];
  return refused.some(({ paths }) => paths !== undefined);
}

/** Minor version → the setting that needs it or a newer one, for an existing Istio. A chart's version has a check of its own. */
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

/** Whether access lists or limits depend on the address of the peer, so the Service needs externalTrafficPolicy `Local`. */
function judgesPeers({ security: { access, trustedProxies }, traffic }: Settings): boolean {
  const entries = [...(access?.deny ?? []), ...(access?.allow ?? [])];
  const listed = entries.some(({ addresses }) => addresses !== undefined);
  const counted = traffic.globalRateLimit?.clients?.includes("clientAddress") === true;
  return trustedProxies === 0 && (listed || counted);
}

/** The argument `scale` of components. Settings have `replicas`, `autoscaler` or neither; components have the default. */
function scale(s: { readonly replicas?: number; readonly autoscaler?: Autoscaler }): { scale?: Scale } {
  if (s.autoscaler) return { scale: { autoscaler: s.autoscaler } };
  return s.replicas === undefined ? {} : { scale: { replicas: s.replicas } };
}

function rateLimit(version: { readonly rateLimit?: RateLimit } | undefined): { rateLimit?: RateLimit } {
  return version?.rateLimit ? { rateLimit: version.rateLimit } : {};
}

function probes(v: VersionSettings, c: Settings["category"]): ServiceProbes {
  return {
    ...categoryDefaults(c.profile).probes,
    // The pods wait for the database, whose image has to be pulled and whose data have to be created at the first start.
    ...(c.database && { startupSeconds: 300 }),
    ...(v.readinessPath !== undefined && { readinessPath: v.readinessPath }),
    ...(v.livenessPath !== undefined && { livenessPath: v.livenessPath }),
  };
}
