import type { z } from "zod";
import type { ExistingGatewayArgs } from "../components/mesh/existing-gateway";
import type { CircuitBreaker } from "../components/traffic/circuit-breaker";
import type { GatewayTls, TlsTermination } from "../components/security/gateway-servers";
import type { LoadBalancer } from "../components/traffic/load-balancer";
import type { VersionPolicies } from "../components/traffic/version-policies";
import type { GlobalRateLimit, RateLimit } from "../components/traffic/rate-limit";
import { effectivePolicies, type TrafficPolicies, type TrafficRule } from "../components/traffic/rules";
import { effectiveShares, type Shares, type Weights } from "../components/traffic/weights";
import { chartWarnings } from "./settings/charts";
import { isObject, show } from "./settings/fields";
import { istioVersionWarnings } from "./settings/istio-version";
import type { Namespace } from "./settings/namespace";
import { observabilitySettings, type ObservabilitySettings } from "./settings/observability";
import { mirrorWarnings, passthroughWarnings } from "./settings/policy-rules";
import {
  configPath,
  didYouMean,
  problemOf,
  SettingsError,
  type Finding,
  type Repair,
} from "./settings/problem";
import { rulePolicies } from "./settings/policies";
import { exampleLines, schemasAt } from "./settings/json-schema";
import { findings } from "./settings/rules";
import { configuration, type Configuration } from "./settings/schema";
import { securitySettings, type SecuritySettings } from "./settings/security";
import { schemeWarnings, securityWarnings } from "./settings/security-rules";
import { parsed, scalarFindings } from "./settings/stack-file";
import { trafficRuleOf } from "./settings/traffic-rules";

export { SettingsError, type Problem } from "./settings/problem";

/** CPU and memory as Kubernetes quantities ("100m", "256Mi"). */
export type ResourceAmounts = {
  readonly cpu?: string;
  readonly memory?: string;
};

/** Container resources as Kubernetes takes them. */
export interface Resources {
  readonly requests?: ResourceAmounts;
  readonly limits?: ResourceAmounts;
}

/** Bounds of a HorizontalPodAutoscaler on CPU; `minReplicas` is at least 1. */
export interface Autoscaler {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Utilization to hold, in percent of the CPU request. Default 80. */
  readonly targetCpuPercent: number;
}

/** A fixed number of pods or an autoscaler: exactly one is there. */
export type Scale =
  | { readonly replicas: number; readonly autoscaler?: never }
  | { readonly autoscaler: Autoscaler; readonly replicas?: never };

/** Helm values of one chart: free-form. */
export type HelmValues = Readonly<Record<string, unknown>>;

/** Where the Istio charts come from: the URL of a chart repository or of an OCI registry, or a folder (relative to the project) with `base`, `istiod` and `gateway`. */
export type ChartSource =
  | { readonly repository: string; readonly directory?: never }
  | { readonly directory: string; readonly repository?: never };

/** The Istio installation. */
export interface IstioSettings {
  /** Version of charts and images, without a leading "v". Default "1.31.4". */
  readonly version: string;
  /** Image hub and tag; the charts' own when absent. */
  readonly hub?: string;
  readonly tag?: string;
  readonly charts: ChartSource;
  /** Whether this program installs it; else it is somebody else's. Default true. */
  readonly install: boolean;
  /** Of istiod. Default "istio-system". */
  readonly namespace: Namespace;
  /** Istio revision; the default revision when absent. */
  readonly revision?: string;
  /** One replica where neither `replicas` nor `autoscaler` is there. */
  readonly controlPlane: {
    readonly replicas?: number;
    readonly autoscaler?: Autoscaler;
    readonly resources?: Resources;
  };
  /** Values merged last into the three releases. */
  readonly values: {
    readonly base?: HelmValues;
    readonly istiod?: HelmValues;
    readonly gateway?: HelmValues;
  };
}

/** The ingress gateway. */
export type GatewaySettings = Scale & {
  /** Somebody else's, with other users. */
  readonly existing?: Pick<ExistingGatewayArgs, "namespace" | "labels" | "serviceAccount" | "gateway">;
  /** Default "istio-ingress". */
  readonly namespace: Namespace;
  readonly serviceType: "LoadBalancer" | "NodePort" | "ClusterIP";
  /** Host name or address by which clients reach the gateway; always there for NodePort, else with `existing` only. */
  readonly address?: string;
  readonly nodePorts?: { readonly http?: number; readonly https?: number; readonly status?: number };
  readonly resources?: Resources;
  /** Whether port 80 is open (to serve, or to redirect to HTTPS). */
  readonly http: boolean;
  readonly tls?: GatewayTls & { readonly redirect: boolean };
  /** Where the TLS of clients ends. Default gateway. */
  readonly tlsTermination: TlsTermination;
  /** How long a stopping gateway pod finishes its requests, in whole seconds. Default 30. */
  readonly drainSeconds: number;
  readonly imagePullPolicy?: "IfNotPresent" | "Always" | "Never";
};

/** One workload version of the category API. */
export type VersionSettings = Scale & {
  readonly image: string;
  readonly env: Readonly<Record<string, string>>;
  readonly resources?: Resources;
  /** HTTP paths of the probes; the profile's when absent. */
  readonly readinessPath?: string;
  readonly livenessPath?: string;
};

/** The category API and its versions. */
export interface CategorySettings {
  /** Host name that clients ask for; "*" and "*.example.com" outside production only. */
  readonly host: string;
  /** Further host names. */
  readonly aliases: readonly string[];
  /** Kubernetes namespace of the workloads. Default "category". */
  readonly namespace: Namespace;
  /** Container port. Default 8080. */
  readonly port: number;
  /** Whose defaults (probes, resources) apply: our category API or the real Shopizer image. Default "category-api". */
  readonly profile: "category-api" | "shopizer";
  /** Version name (a DNS-1123 label) → workload; at least one; sorted by name. */
  readonly versions: Readonly<Record<string, VersionSettings>>;
  /** PostgreSQL of all versions, exactly one of the two; absent where each pod has its own in memory. */
  readonly database?: {
    /** Key of a Secret with the URL of a database elsewhere. */
    readonly url?: { readonly secret: string; readonly key: string };
    /** One in the cluster. */
    readonly server?: {
      readonly image?: string;
      readonly volume?: { readonly size: string; readonly storageClass?: string };
      readonly resources?: Resources;
    };
  };
  /** Secret with the keys `password` and `jwt-secret`; absent where nobody administers. */
  readonly admin?: { readonly secret: string };
  /** How long a stopping pod finishes its requests, in whole seconds. Default 25. */
  readonly drainSeconds: number;
  /** How long the pods of a version may take to get ready, in whole seconds; by the profile when absent. */
  readonly readyTimeoutSeconds?: number;
}

/** The configuration of a stack, checked, with every default filled in. Deeply frozen. */
export interface Settings {
  /** Whether the rules for production hold (HTTPS, no wildcard host, two replicas, fixed image tags). Default false. */
  readonly production: boolean;
  readonly istio: IstioSettings;
  readonly gateway: GatewaySettings;
  readonly category: CategorySettings;
  readonly traffic: {
    /** As written. */
    readonly weights: Weights;
    /** Percent per version, "rest" worked out. */
    readonly shares: Shares;
    /** Of all requests. */
    readonly policies: TrafficPolicies;
    /** In the order in which they are tried. */
    readonly rules: readonly TrafficRule[];
    /** Of all versions. */
    readonly circuitBreaker?: CircuitBreaker;
    readonly globalRateLimit?: GlobalRateLimit;
    /** Version → what it does otherwise. */
    readonly versions: Readonly<Record<string, VersionPolicies & { readonly rateLimit?: RateLimit }>>;
  };
  /** Default LEAST_REQUEST. */
  readonly loadBalancer: LoadBalancer;
  readonly observability: ObservabilitySettings;
  readonly security: SecuritySettings;
  /** The barrier that holds deletions until every gateway pod has the new routes. */
  readonly propagation: {
    /** Default true. */
    readonly wait: boolean;
    /** Limit in whole seconds. Default 60. */
    readonly timeoutSeconds: number;
  };
  /** For the user's eyes; none of them stops an update. */
  readonly warnings: readonly string[];
}

/** Issues whose value is still there as it was written. */
const REPLACED: readonly string[] = ["invalid_type", "invalid_union"];

/** The schema with the rules across fields, which also run on a configuration with problems. */
const checked = (written: unknown) =>
  configuration.superRefine(
    (partial, context) => {
      // An object that is something else is still in the value: the rules must not see it.
      for (const issue of context.issues) if (REPLACED.includes(issue.code)) unset(partial, issue.path ?? []);
      const unread = context.issues.map((issue) => issue.path ?? []);
      for (const { path, allowed, ...params } of findings(partial, unread, written)) {
        context.addIssue({ code: "custom", path: [...path], message: allowed, params });
      }
    },
    { when: () => true },
  );

/**
 * Checks the configuration of a stack and fills in the defaults.
 *
 * @param config key without namespace → value as Pulumi gives it: text, or the object that a JSON text stands for.
 * @param stack name of the stack, for the commands in the report.
 * @param file text of the stack file, to tell what Pulumi does not give as it is written; empty where there is none.
 * @throws SettingsError with all problems.
 */
export function parseSettings(
  config: Readonly<Record<string, unknown>>,
  stack: string,
  file?: string,
): Settings {
  const given = readable(config);
  const { altered, ambiguous } =
    file === undefined ? { altered: [], ambiguous: [] } : scalarFindings(file, given);
  const at = ({ path }: Pick<Finding, "path">, other: Finding): boolean =>
    other.path.every((key, i) => key === path[i]);
  const written = unread(given, altered);
  const result = checked(written).safeParse(written, { reportInput: true });
  if (result.success && altered.length + ambiguous.length === 0) return deepFreeze(settingsOf(result.data));
  const read = (result.error?.issues ?? [])
    .flatMap(findingsOf)
    .filter((finding) => !altered.some((other) => at(finding, other)));
  const found = [...altered, ...ambiguous.filter((one) => !read.some((other) => at(one, other))), ...read];
  const problems = found
    // What is missing because its key is misspelt is no second problem.
    .filter(
      ({ path, missing }) =>
        !found.some(({ insteadOf = [] }) => {
          const misspelt = missing ? insteadOf.slice(0, -1) : insteadOf;
          return insteadOf.length > 0 && misspelt.every((key, i) => key === path[i]);
        }),
    )
    .sort((a, b) => Number(altered.includes(b)) - Number(altered.includes(a)) || byPath(a, b))
    .map((finding) => problemOf(finding, stack));
  throw new SettingsError(stack, problems);
}

function byPath(a: Finding, b: Finding): number {
  const [left, right] = [configPath(a.path), configPath(b.path)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** `given` with something in place of values that are not what was written, which no field takes and no rule sees. */
function unread(given: unknown, altered: readonly Finding[]): unknown {
  const copy = structuredClone(given);
  for (const { path } of altered) {
    const parent = path
      .slice(0, -1)
      .reduce((value, key) => (value as Record<PropertyKey, unknown>)[key], copy);
    (parent as Record<PropertyKey, unknown>)[path.at(-1) ?? ""] = {};
  }
  return copy;
}

const OBJECTS = ["istio", "gateway", "category", "traffic", "observability", "security", "propagation"];

/**
 * `config` with JSON text read. Pulumi gives an object as JSON text, and a key without a value as empty text: for an
 * object that is one without entries.
 */
function readable(config: Readonly<Record<string, unknown>>): unknown {
  const read = (key: string, value: unknown): unknown => {
    if (OBJECTS.includes(key) && (value === "" || value === null)) return {};
    return parsed(value);
  };
  return ordered(Object.fromEntries(Object.entries(config).map(([key, value]) => [key, read(key, value)])));
}

/** With the keys of objects by name: what follows, down to pod specs, does not depend on how a file was written. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, ordered(inner)]));
}

function unset(value: unknown, path: readonly PropertyKey[]): void {
  const last = path.at(-1);
  const parent = path.slice(0, -1).reduce((v, key) => (v as Record<PropertyKey, unknown>)[key], value);
  if (last !== undefined) (parent as Record<PropertyKey, unknown>)[last] = undefined;
}

type Issue = z.core.$ZodIssue;

/** What zod found, in our words. The message of an issue is what is allowed (see settings/fields.ts). */
function findingsOf(issue: Issue): Finding[] {
  const { path, message: allowed } = issue;
  switch (issue.code) {
    case "custom":
      return [{ path, allowed, ...(issue.params as Omit<Finding, "path" | "allowed">) }];
    case "unrecognized_keys":
      return issue.keys.map((key) => {
        const at = [...path, key];
        if (path.length === 0 && allowed.split(", ").includes(/^[^.[]*(?=[.[])/.exec(key)?.[0] ?? "")) {
          return {
            path: at,
            found: "a key whose name has dots or brackets, which is no path",
            allowed,
            hint: "it was set without --path (option -c of up and preview writes it too): remove it, then set it again with --path",
            repairs: [{ remove: at }, ...setAgain(key, (issue.input as Record<string, unknown>)[key])],
          };
        }
        const near = didYouMean(key, allowed.split(", "));
        const taken = near !== undefined && !isEmpty((issue.input as Record<string, unknown>)[near]);
        return {
          path: at,
          found: "an unknown key",
          allowed,
          ...(near === undefined
            ? {}
            : { hint: `did you mean ${near}?${taken ? " That key is there too." : ""}` }),
          ...(near === undefined || taken
            ? { repairs: [{ remove: at }] }
            : { repairs: [{ say: `rename it to ${near}` }], insteadOf: [...path, near] }),
        };
      });
    case "invalid_union": {
      // A name or an object, or one of either or a list: what was written tells which of the two was meant.
      const [first = [], second = []] = issue.errors;
      const within = first.some((inner) => inner.path.length > 0 || inner.code === "unrecognized_keys");
      const meant = typeof issue.input === "object" && !within ? second : first;
      return meant.flatMap((inner) => findingsOf({ ...inner, path: [...path, ...inner.path] }));
    }
    default: {
      // An object or a list that is something else.
      const { input } = issue;
      const found = typeof input === "string" && input !== "" ? "text" : show(input);
      const list = issue.code === "invalid_type" && issue.expected === "array";
      const lines = exampleLines(path, list ? "array" : "object", input);
      const example = lines === undefined ? "" : `, for example: ${lines}`;
      const repair =
        input === null
          ? { remove: path }
          : { say: `write its ${list ? "entries" : "keys"} below it, in the stack file${example}` };
      return [{ path, found, allowed, repairs: [repair] }];
    }
  }
}

/** What was meant by a key that is written as a path; only where there is such a setting, and no variable of an environment. */
function setAgain(key: string, value: unknown): Repair[] {
  const path = [...key.matchAll(/\["(.*?)"\]|\[(\d+)\]|[^.[\]]+/g)].map(([name, quoted, index]) =>
    index === undefined ? (quoted ?? name) : Number(index),
  );
  const known = schemasAt(path).some(
    ({ type, anyOf, enum: names }) => type !== "object" && type !== "array" && (type ?? anyOf ?? names),
  );
  const scalar = ["string", "number", "boolean"].includes(typeof value) && !/^(-|$)/.test(String(value));
  if (!known || path.includes("env") || !scalar) return [];
  return [{ steps: [{ remove: [key] }, { at: path, set: value as string }] }];
}

/** Whether there is nothing, or an object without entries: Pulumi.yaml has that as the default of objects. */
function isEmpty(value: unknown): boolean {
  return value === undefined || (isObject(value) && Object.keys(value).length === 0);
}

function settingsOf(c: Configuration): Settings {
  const { istio, gateway, category, propagation } = c;
  const { replicas, autoscaler, drain, tls, ...gatewayRest } = gateway;
  const { drain: categoryDrain, readyTimeout, versions, ...categoryRest } = category;
  const { weights, rules } = c.traffic;
  const shares = effectiveShares(weights);
  return {
    production: c.production,
    istio,
    gateway: {
      ...gatewayRest,
      ...scaleOf(replicas, autoscaler),
      ...(tls === undefined ? {} : { tls: { redirect: gateway.http, ...tls } }),
      drainSeconds: drain,
    },
    category: {
      ...categoryRest,
      drainSeconds: categoryDrain,
      ...(readyTimeout !== undefined && { readyTimeoutSeconds: readyTimeout }),
      versions: Object.fromEntries(
        Object.entries(versions).map(([name, version]) => {
          const { replicas, autoscaler, ...rest } = version;
          return [name, { ...rest, ...scaleOf(replicas, autoscaler) }];
        }),
      ),
    },
    traffic: {
      weights,
      shares,
      policies: effectivePolicies({}, rulePolicies(c.traffic)),
      rules: rules.map(trafficRuleOf),
      ...(c.traffic.circuitBreaker && { circuitBreaker: c.traffic.circuitBreaker }),
      ...(c.traffic.globalRateLimit && { globalRateLimit: c.traffic.globalRateLimit }),
      versions: c.traffic.versions ?? {},
    },
    loadBalancer: c.loadBalancer,
    observability: observabilitySettings(c.observability),
    security: securitySettings(c.security),
    propagation: { wait: propagation.wait, timeoutSeconds: propagation.timeout },
    warnings: [
      ...securityWarnings(c.security),
      ...schemeWarnings(c),
      ...chartWarnings(c),
      ...istioVersionWarnings(istio, hashes(c)),
      ...mirrorWarnings(c.traffic, shares),
      ...passthroughWarnings(c),
    ],
  };
}

/** Whether any version is balanced by a consistent hash. */
function hashes({ loadBalancer, traffic }: Configuration): boolean {
  const own = Object.values(traffic.versions ?? {}).map((version) => version.loadBalancer);
  return [loadBalancer, ...own].some((b) => typeof b === "object" && b.consistentHash !== undefined);
}

function scaleOf(replicas: number | undefined, autoscaler: Autoscaler | undefined): Scale {
  return autoscaler === undefined ? { replicas: replicas ?? 1 } : { autoscaler };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
