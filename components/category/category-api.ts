import * as pulumi from "@pulumi/pulumi";
import { DefaultDeny } from "../security/default-deny";
import { minimumReplicas } from "../kubernetes/scale";
import type { ServiceProbes } from "../service/pod";
import { ServiceAccess, type ServiceAccessArgs } from "../security/service-access";
import type { ServiceMetrics, VersionArgs } from "../service/service-version";
import { VersionedService, type VersionedServiceArgs } from "../service/versioned-service";
import { VersionRoutes, type VersionRoutesArgs } from "../service/version-routes";
import { versionsAsked } from "../traffic/traffic-rules";
import type { Shares } from "../traffic/weights";
import { CategoryDatabase, type CategoryDatabaseArgs } from "./category-database";
import { CATEGORY_METRICS, CATEGORY_PATHS } from "./category-paths";
import { isCreated, namespaceName, sidecarLabels } from "../kubernetes/namespace";
import { guarded } from "../kubernetes/ownership";

export { CATEGORY_PATHS } from "./category-paths";

/** Which family of images runs, for the defaults that follow from it. */
export const CategoryProfile = {
  /** Our own category service: small, starts in seconds, runs as any user. */
  "category-api": "category-api",
  /** The whole Shopizer: a JVM that takes a minute to start and writes to its own file system as root. */
  shopizer: "shopizer",
} as const;
export type CategoryProfile = (typeof CategoryProfile)[keyof typeof CategoryProfile];

export interface CategoryApiArgs {
  readonly namespace: VersionedServiceArgs["namespace"];
  readonly injectionLabels: pulumi.Input<Record<string, string>>;
  /** Version name → what runs; see {@link categoryDefaults} for what the image family fills in. */
  readonly versions: Readonly<Record<string, VersionArgs>>;
  /** Default `category-api`. */
  readonly profile?: CategoryProfile;
  /** Default 8080, Shopizer's. */
  readonly port?: number;
  /** Requests in flight when a pod ends have this long, in seconds. Default 25. */
  readonly drainSeconds?: number;
  /** A {@link CategoryDatabase} beside the versions, whose pods take the URL from {@link CATEGORY_DATABASE_URL}. Default: none. */
  readonly database?: Pick<CategoryDatabaseArgs, "image" | "volume" | "resources">;
  readonly hosts: readonly string[];
  readonly gateway: VersionRoutesArgs["gateway"];
  /** Who may reach the pods: the gateway on the routed paths, and whom `services` names. Nobody else. */
  readonly access: Omit<ServiceAccessArgs, "service" | "namespace" | "port" | "paths">;
  readonly traffic: VersionRoutesArgs["traffic"];
  readonly propagation?: VersionRoutesArgs["propagation"];
  readonly guards?: VersionRoutesArgs["guards"];
  readonly cluster?: VersionRoutesArgs["cluster"];
  /** How long the pods of a version may take to get ready, in seconds. Default 180; 600 for `shopizer`. */
  readonly timeoutSeconds?: number;
}

/** What follows from the image family. */
export function categoryDefaults(profile: CategoryProfile): {
  readonly probes: ServiceProbes;
  readonly restricted: boolean;
  readonly resources: { readonly requests: Record<string, string>; readonly limits: Record<string, string> };
  readonly timeoutSeconds: number;
  readonly metrics?: ServiceMetrics;
} {
  return profile === CategoryProfile.shopizer
    ? {
        // Liveness and readiness groups appear by themselves where Spring Boot finds Kubernetes.
        probes: {
          readinessPath: "/actuator/health/readiness",
          livenessPath: "/actuator/health/liveness",
          startupSeconds: 300,
        },
        restricted: false,
        resources: { requests: { cpu: "500m", memory: "1Gi" }, limits: { memory: "2Gi" } },
        timeoutSeconds: 600,
      }
    : {
        probes: { readinessPath: "/actuator/health/readiness", livenessPath: "/actuator/health/liveness" },
        restricted: true,
        resources: { requests: { cpu: "100m", memory: "192Mi" }, limits: { memory: "512Mi" } },
        timeoutSeconds: 180,
        metrics: CATEGORY_METRICS,
      };
}

/** The Shopizer category API: a {@link VersionedService} and its {@link VersionRoutes} with Shopizer's defaults. */
export class CategoryApi extends pulumi.ComponentResource {
  /** What each version gets, in percent. */
  readonly shares: pulumi.Output<Shares>;
  readonly versions: pulumi.Output<string[]>;

  constructor(name: string, args: CategoryApiArgs, opts?: pulumi.ComponentResourceOptions) {
    // Component inputs are kept in the state: a kubeconfig may not be among them. And the component waits for them: the pods
    // start beside the gateway, which only the routes need.
    const { cluster, gateway, guards, traffic, ...inputs } = args;
    const versions = Object.entries(args.versions);
    super(
      "shopzier-mesh:index:CategoryApi",
      name,
      { ...inputs, versions: Object.keys(args.versions) },
      guarded(cluster, opts),
    );
    const defaults = categoryDefaults(args.profile ?? CategoryProfile["category-api"]);
    const port = args.port ?? 8080;
    const asked = versionsAsked(traffic);
    const service = new VersionedService(
      `${name}-versions`,
      {
        serviceName: name,
        namespace: args.namespace,
        injectionLabels: args.injectionLabels,
        port,
        probes: defaults.probes,
        restricted: defaults.restricted,
        timeoutSeconds: args.timeoutSeconds ?? defaults.timeoutSeconds,
        metrics: defaults.metrics,
        drainSeconds: args.drainSeconds,
        versions: Object.fromEntries(versions.filter(([version]) => asked.has(version))),
        cluster,
      },
      { parent: this },
    );
    const access = new ServiceAccess(
      `${name}-access`,
      { ...args.access, service: name, namespace: service.namespace, port, paths: CATEGORY_PATHS },
      { parent: this },
    );
    const database =
      args.database &&
      new CategoryDatabase(
        `${name}-database`,
        {
          ...args.database,
          namespace: service.namespace,
          ...(!isCreated(args.namespace) && { podLabels: sidecarLabels(args.injectionLabels) }),
          // Every account: a version that goes would lose the database before its last request if it were named.
          clients: [{ namespace: namespaceName(args.namespace), serviceAccount: "*" }],
          scrapers: args.access.scrapers,
          networkPolicy: args.access.networkPolicy,
        },
        { parent: this },
      );
    // Where others live too, only what is ours is closed, by the policies that say who may reach it.
    if (isCreated(args.namespace)) {
      new DefaultDeny(
        `${name}-default-deny`,
        {
          namespace: service.namespace,
          networkPolicy: args.access.networkPolicy,
        },
        { parent: this, dependsOn: [access, ...(database ? [database] : [])] },
      );
    }
    const routes = new VersionRoutes(
      `${name}-routes`,
      {
        service: { name, namespace: namespaceName(args.namespace), port },
        hosts: args.hosts,
        gateway,
        paths: CATEGORY_PATHS,
        traffic,
        meshCallers: (args.access.services?.allow ?? []).length > 0,
        pods: Object.fromEntries(
          versions.map(([version, { scale = { replicas: 1 } }]) => [version, minimumReplicas(scale)]),
        ),
        propagation: { ...args.propagation, callers: callersOf(args.access) },
        guards,
        cluster,
      },
      { parent: this, dependsOn: service.rolledOut.apply((serving) => [...serving, access]) },
    );
    for (const [version, own] of versions.filter(([version]) => !asked.has(version)))
      service.addVersion(version, own, routes.routed);
    this.shares = routes.shares;
    this.versions = pulumi.output(Object.keys(args.versions));
    this.registerOutputs({ shares: this.shares, versions: this.versions });
  }
}

/** Namespaces of the services that may ask; "*" in a name stands for no namespace that could be asked. */
const callersOf = ({ services }: Pick<ServiceAccessArgs, "services">): string[] => [
  ...new Set(
    (services?.allow ?? [])
      .flatMap(({ identities }) => identities.map(({ namespace }) => namespace))
      .filter((namespace) => !namespace.includes("*")),
  ),
];
