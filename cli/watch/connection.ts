/** The cluster and the Prometheus of a route. */
import { readFileSync } from "node:fs";
import {
  apiMessage,
  endingWith,
  type ClusterNames,
  type KubernetesAccess,
} from "../../components/kubernetes/api-server";
import { countedSeconds, lastChange, STEP_SECONDS } from "../../components/observability/settled-route";
import { readObject } from "../../components/kubernetes/live-object";
import type { Criterion, Reading } from "../../components/evidence";
import { PrometheusApi, PrometheusError } from "../../components/observability/prometheus-api";
import { criteriaOf, PrometheusCounters } from "../../components/observability/prometheus-counters";
import { VersionQueries, type MetricsSource } from "../../components/observability/queries";
import { writtenMetrics, type RouteMetrics } from "../../components/observability/route-metrics";
import type { CounterReading } from "../../components/observability/request-counters";
import { GatewayProxies } from "../../components/readiness/gateway-proxies";
import { proxyShares, ROUTES_QUESTION, type RouteConfigDump } from "../../components/readiness/propagation";
import type { Shares } from "../../components/traffic/weights";
import type { KubernetesObject } from "../side";
import { accessTo } from "../sources/live";
import { messageOf, SourceError } from "../sources/source-error";
import { inForce, type GatewayPod, type Observed } from "./observed";
import { chosenRoute } from "./split";
import { splitOf, type Split } from "../../components/observability/route-split";

export interface RouteOptions {
  /** `namespace/name` of the VirtualService. Default: the only one with versions. */
  readonly route?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  /** Of the kubeconfig. Default: that of the context. */
  readonly cluster?: string;
  /** URL, or `namespace/service:port`. Default: as the VirtualService says. */
  readonly prometheus?: string;
  /** File with a bearer token for the URL of `prometheus`. Default: the environment variable PROMETHEUS_TOKEN. */
  readonly tokenFile?: string;
  /** File with certificates in PEM that sign that of a URL. */
  readonly ca?: string;
  /** Default: as the VirtualService says; else Istio's, where there are any. */
  readonly metrics?: MetricsSource;
  /** Objects of the stack file, or manifests. */
  readonly declared?: readonly KubernetesObject[];
}

const ANSWER_MS = 10_000;
const ISTIO = { group: "networking.istio.io", version: "v1" };

export class RouteConnection {
  private constructor(
    readonly split: Split,
    readonly criteria: Readonly<Record<string, Criterion>>,
    private readonly declared: Shares | undefined,
    private readonly access: KubernetesAccess,
    private readonly proxies: readonly GatewayProxies[],
    private readonly counters: PrometheusCounters,
    /** Unix time in seconds. */
    private readonly changedAt: number,
  ) {}

  /** @throws SourceError for what a user can repair. */
  static async open(options: RouteOptions): Promise<RouteConnection> {
    const access = accessTo(options);
    const { object, split: found } = chosenRoute(await routes(access, options.route), options.route);
    const split = await withPort(access, found);
    const declared = options.declared && chosenRoute(options.declared, `${split.namespace}/${split.name}`);
    const written = writtenMetrics(object.metadata.annotations);
    const api = prometheusOf(options, written, access);
    const source = options.metrics ?? written?.source ?? (await sourceOf(api, split));
    const expected = {
      ...(written?.objective && { objective: written.objective }),
      ...(written?.own && { own: written.own }),
    };
    const proxies = await gatewayProxies(access, split);
    const namespaces = new Set(proxies.map(({ pods }) => pods.namespace));
    const [gatewayNamespace] = namespaces.size === 1 ? namespaces : [];
    return new RouteConnection(
      split,
      criteriaOf(expected),
      declared?.split.shares,
      access,
      proxies,
      new PrometheusCounters(api, {
        service: split.service,
        source,
        ...expected,
        ...(gatewayNamespace !== undefined && { gatewayNamespace }),
      }),
      lastChange(object.metadata) ?? Date.now() / 1000,
    );
  }

  /** What there is to be seen now. @throws SourceError where the VirtualService is gone, or cannot be read. */
  async observe(): Promise<Observed> {
    const configured = await this.configured();
    const before = await this.gateways();
    const counters = await this.counted(configured, before);
    // Shares that change between the two questions would be those of another reading.
    const gateways = await this.gateways();
    const same = JSON.stringify(before) === JSON.stringify(gateways);
    return {
      at: new Date().toISOString(),
      ...(this.declared && { declared: this.declared }),
      ...{ configured, gateways },
      counters: same ? counters : { reading: undefined, unclear: ["The shares change at this moment."] },
    };
  }

  /** Readings of the last `seconds`, as far as the route had its shares all the time. */
  async history(seconds: number): Promise<readonly Reading[]> {
    const shares = inForce(await this.gateways()) ?? this.split.shares;
    const span = countedSeconds(this.changedAt, seconds);
    if (span === 0) return [];
    return (await this.counters.history(shares, { seconds: span, step: STEP_SECONDS })).readings;
  }

  async close(): Promise<void> {
    await Promise.all(this.proxies.map((proxies) => proxies.close()));
  }

  private counted(configured: Shares, gateways: readonly GatewayPod[]): Promise<CounterReading> {
    const asked = gateways.filter(({ problem }) => problem === undefined);
    const shares = asked.length === 0 ? configured : inForce(asked);
    if (shares) return this.counters.read(shares);
    const unclear = ["The gateway pods have different shares: nothing is counted until they agree."];
    return Promise.resolve({ reading: undefined, unclear });
  }

  private async configured(): Promise<Shares> {
    const { namespace, name } = this.split;
    const key = { kind: "VirtualService", namespace, name } as const;
    const { live } = await readObject(this.access, key, AbortSignal.timeout(ANSWER_MS)).catch(refused);
    const split = live && splitOf(live as unknown as Parameters<typeof splitOf>[0]);
    if (!split) throw new SourceError(`VirtualService ${namespace}/${name} is gone, or has no versions.`);
    return split.shares;
  }

  private async gateways(): Promise<readonly GatewayPod[]> {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const { split } = this;
    const found = await Promise.all(
      this.proxies.map(async (proxies) => {
        const pods = await proxies.ready(signal);
        return Promise.all(
          pods.map(async (pod): Promise<GatewayPod> => {
            try {
              const dump = await proxies.admin<RouteConfigDump>(pod, ROUTES_QUESTION, signal);
              const [shares, ...others] = proxyShares(dump, split, split.rule);
              if (shares && others.length === 0) return { pod, shares };
              return {
                pod,
                shares: undefined,
                problem: shares ? "its hosts have different shares" : `it has no route "${split.rule}"`,
              };
            } catch (error) {
              return { pod, shares: undefined, problem: `it was not asked: ${apiMessage(error)}` };
            }
          }),
        );
      }),
    ).catch(refused);
    return found.flat();
  }
}

const refused = (error: unknown): never => {
  throw new SourceError(`The cluster does not answer: ${apiMessage(error).split("\n")[0] ?? ""}`);
};

async function routes(access: KubernetesAccess, route: string | undefined): Promise<KubernetesObject[]> {
  const { client, config } = access;
  const api = config.makeApiClient(client.CustomObjectsApi);
  const [namespace] = route?.includes("/") ? route.split("/") : [];
  const options = endingWith(client, AbortSignal.timeout(ANSWER_MS));
  const answer: unknown = await (
    namespace === undefined
      ? api.listClusterCustomObject({ ...ISTIO, plural: "virtualservices" }, options)
      : api.listNamespacedCustomObject({ ...ISTIO, namespace, plural: "virtualservices" }, options)
  ).catch(refused);
  const { items } = answer as { readonly items: readonly KubernetesObject[] };
  return items.map((item) => ({ ...item, kind: "VirtualService", apiVersion: "networking.istio.io/v1" }));
}

/** A route that names no port goes to the only one of the Service. */
async function withPort({ client, config }: KubernetesAccess, split: Split): Promise<Split> {
  if (split.service.port > 0) return split;
  const { name, namespace } = split.service;
  const options = endingWith(client, AbortSignal.timeout(ANSWER_MS));
  const api = config.makeApiClient(client.CoreV1Api);
  const { spec } = await api.readNamespacedService({ name, namespace }, options).catch(refused);
  return { ...split, service: { ...split.service, port: spec?.ports?.[0]?.port ?? 0 } };
}

/** The pods that each Gateway of the route selects, in its namespace. */
async function gatewayProxies(access: KubernetesAccess, split: Split): Promise<GatewayProxies[]> {
  const found = await Promise.all(
    split.gateways.map(async (gateway) => {
      const [namespace = "", name = ""] = gateway.split("/");
      const key = { kind: "Gateway", namespace, name } as const;
      const { live } = await readObject(access, key, AbortSignal.timeout(ANSWER_MS)).catch(refused);
      const labels = (live?.spec as { selector?: Record<string, string> } | undefined)?.selector;
      return labels ? [{ namespace, labels }] : [];
    }),
  );
  const distinct = new Map(found.flat().map((pods) => [JSON.stringify(pods), pods]));
  return [...distinct.values()].map((pods) => new GatewayProxies(pods, access));
}

/** Only for a Prometheus that the user named: who may write VirtualServices could have it sent to a host of theirs. */
function tokenFor(tokenFile: string | undefined): string | undefined {
  const token = tokenFile === undefined ? process.env.PROMETHEUS_TOKEN : fileText(tokenFile).trim();
  return token === "" ? undefined : token;
}

export function prometheusOf(
  { prometheus, tokenFile, ca }: Pick<RouteOptions, "prometheus" | "tokenFile" | "ca">,
  written: RouteMetrics | undefined,
  access: KubernetesAccess | ClusterNames,
): PrometheusApi {
  const address = prometheus ?? written?.prometheus;
  if (address === undefined) {
    throw new SourceError(
      "Prometheus: found none, since the VirtualService does not say which counts its requests\n" +
        "  allowed: --prometheus with a URL, or with namespace/service:port of one in the cluster, such as prometheus/prometheus:9090",
    );
  }
  if (tokenFile !== undefined && prometheus === undefined) {
    throw new SourceError(
      "--token-file: found no --prometheus\n  allowed: with --prometheus, since the token goes to no host that a VirtualService names",
    );
  }
  const token = prometheus === undefined ? undefined : tokenFor(tokenFile);
  try {
    return PrometheusApi.connect(
      {
        address,
        ...(token !== undefined && { token }),
        ...(ca !== undefined && { ca: fileText(ca) }),
      },
      access,
    );
  } catch (error) {
    if (error instanceof PrometheusError) throw new SourceError(error.message);
    throw error;
  }
}

function fileText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new SourceError(`${file} cannot be read: ${messageOf(error)}`);
  }
}

/** Istio's metrics where Prometheus has them for this route. */
async function sourceOf(api: PrometheusApi, { service }: Split): Promise<MetricsSource> {
  const { all } = new VersionQueries(service, "istio").counters(500).errors;
  const found = await api.samples(all, 120).catch(() => []);
  return found.length > 0 ? "istio" : "envoy";
}
