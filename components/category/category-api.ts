import * as pulumi from "@pulumi/pulumi";
import { DefaultDeny } from "../security/default-deny";
import type { ServiceProbes } from "../service/pod";
import { ServiceAccess, type ServiceAccessArgs } from "../security/service-access";
import { orderedVersions } from "../service/serving-versions";
import type { ServiceMetrics, VersionArgs } from "../service/service-version";
import { VersionedService, type VersionedServiceArgs } from "../service/versioned-service";
import { VersionRoutes, type VersionRoutesArgs } from "../service/version-routes";
import type { Shares } from "../traffic/weights";
import { CategoryDatabase, type CategoryDatabaseArgs } from "./category-database";
import { CATEGORY_METRICS, CATEGORY_PATHS } from "./category-paths";
import { isCreated, namespaceName, sidecarLabels } from "../kubernetes/namespace";
import { located } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";

export { CATEGORY_PATHS } from "./category-paths";

/** The family of images, which determines defaults. */
export const CategoryProfile = {
  /** This project's category service. It starts in seconds and runs as any user. */
  "category-api": "category-api",
  /** The whole Shopizer. Its JVM takes a minute to start, and it writes to its file system as root. */
  shopizer: "shopizer",
} as const;
export type CategoryProfile = (typeof CategoryProfile)[keyof typeof CategoryProfile];

export interface CategoryApiArgs {
  readonly namespace: VersionedServiceArgs["namespace"];
  readonly injectionLabels: pulumi.Input<Record<string, string>>;
  /** Version name → its arguments, with defaults of the image family ({@link categoryDefaults}). */
  readonly versions: Readonly<Record<string, VersionArgs>>;
  /** Default `category-api`. */
  readonly profile?: CategoryProfile;
  /** Default 8080, the port of Shopizer. */
  readonly port?: number;
  /** Time limit for requests in flight when a pod terminates, in seconds. Default 25. */
  readonly drainSeconds?: number;
  /** A {@link CategoryDatabase} for the versions, whose pods read its URL from {@link CATEGORY_DATABASE_URL}. Default: none. */
  readonly database?: Pick<CategoryDatabaseArgs, "image" | "volume" | "resources">;
  readonly hosts: readonly string[];
  readonly gateway: VersionRoutesArgs["gateway"];
  /** Access to the pods. Only the gateway, on the routed paths, and the identities in `services` are allowed. */
  readonly access: Omit<ServiceAccessArgs, "service" | "namespace" | "port" | "paths">;
  readonly traffic: VersionRoutesArgs["traffic"];
  readonly propagation?: VersionRoutesArgs["propagation"];
  readonly metrics?: VersionRoutesArgs["metrics"];
  readonly gate?: VersionRoutesArgs["gate"];
  readonly guards?: VersionRoutesArgs["guards"];
  readonly cluster?: VersionRoutesArgs["cluster"];
  /** Time limit for the pods of a version to get ready, in seconds. Default 180; 600 for `shopizer`. */
  readonly timeoutSeconds?: number;
}

/** The defaults of an image family. */
export function categoryDefaults(profile: CategoryProfile): {
  readonly probes: ServiceProbes;
  readonly restricted: boolean;
  readonly resources: { readonly requests: Record<string, string>; readonly limits: Record<string, string> };
  readonly timeoutSeconds: number;
  readonly metrics?: ServiceMetrics;
} {
  return profile === CategoryProfile.shopizer
    ? {
        // Spring Boot adds the groups liveness and readiness if it runs in Kubernetes.
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
  /** Version → share of the requests in percent. */
  readonly shares: pulumi.Output<Shares>;
  readonly versions: pulumi.Output<string[]>;
  /** As of {@link VersionRoutes}. */
  readonly gateOverride: VersionRoutes["gateOverride"];

  constructor(name: string, args: CategoryApiArgs, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    const { cluster, gateway, guards, traffic } = args;
    // A preview prints all inputs of a component that changes, so these do not repeat what the objects contain. A component
    // also waits for its inputs, and the pods may start at the same time as the gateway.
    super(
      "shopzier-mesh:index:CategoryApi",
      name,
      { versions: Object.keys(args.versions) },
      guarded(cluster, opts),
    );
    const defaults = categoryDefaults(args.profile ?? CategoryProfile["category-api"]);
    const port = args.port ?? 8080;
    const { serving, idle, pods } = orderedVersions(args.versions, traffic);
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
        versions: serving,
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
          // All accounts of the namespace. With a list of accounts, a deleted version would lose the database before its last request.
          clients: [{ namespace: namespaceName(args.namespace), serviceAccount: "*" }],
          scrapers: args.access.scrapers,
          networkPolicy: args.access.networkPolicy,
        },
        { parent: this },
      );
    // In a namespace with other users, only the pods of this service are closed, by their own policies.
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
        pods,
        propagation: { ...args.propagation, callers: callersOf(args.access) },
        metrics: args.metrics,
        gate: args.gate,
        guards,
        cluster,
      },
      { parent: this, dependsOn: service.rolledOut.apply((ready) => [...ready, access]) },
    );
    for (const [version, own] of idle) service.addVersion(version, own, routes.routed);
    this.shares = routes.shares;
    this.gateOverride = routes.gateOverride;
    this.versions = pulumi.output(Object.keys(args.versions));
    this.registerOutputs({ shares: this.shares, versions: this.versions });
  }
}

/** Namespaces of the allowed services. */
const callersOf = ({ services }: Pick<ServiceAccessArgs, "services">): string[] => [
  ...new Set((services?.allow ?? []).flatMap(({ identities }) => identities.map((one) => one.namespace))),
];
