import * as pulumi from "@pulumi/pulumi";
import { DefaultDeny } from "../security/default-deny";
import { minimumReplicas } from "../kubernetes/scale";
import type { ServiceProbes } from "../service/pod";
import { ServiceAccess, type ServiceAccessArgs } from "../security/service-access";
import {
  VersionedService,
  type ServiceMetrics,
  type ServiceVersion,
  type VersionedServiceArgs,
} from "../service/versioned-service";
import { VersionRoutes, type VersionRoutesArgs } from "../service/version-routes";
import { versionsAsked } from "../traffic/rules";
import type { Shares } from "../traffic/weights";
import { CategoryDatabase, type CategoryDatabaseArgs } from "./category-database";
import { CATEGORY_METRICS, CATEGORY_PATHS } from "./category-paths";
import { isCreated, namespaceName, sidecarLabels } from "../kubernetes/namespace";
import { guarded } from "../kubernetes/ownership";

export { CATEGORY_PATHS } from "./category-paths";

/** Which family of images runs, for the defaults that follow from it. */
export const CategoryImage = {
  /** Our own category service: small, starts in seconds, runs as any user. */
  "category-api": "category-api",
  /** The whole Shopizer: a JVM that takes a minute to start and writes to its own file system as root. */
  shopizer: "shopizer",
} as const;
export type CategoryImage = (typeof CategoryImage)[keyof typeof CategoryImage];

export interface CategoryApiArgs {
  readonly namespace: VersionedServiceArgs["namespace"];
  readonly injectionLabels: pulumi.Input<Record<string, string>>;
  /** Version name → what runs; see {@link categoryDefaults} for what the image family fills in. */
  readonly versions: Readonly<Record<string, ServiceVersion>>;
  /** Default `category-api`. */
  readonly image?: CategoryImage;
  /** Default 8080, Shopizer's. */
  readonly port?: number;
  /** Requests in flight when a pod ends have this long, in seconds. Default 25. */
  readonly graceSeconds?: number;
  /** A {@link CategoryDatabase} beside the versions, whose pods take the URL from {@link CATEGORY_DATABASE_URL}. Default: none. */
  readonly database?: Pick<CategoryDatabaseArgs, "image" | "volume" | "resources">;
  readonly hosts: readonly string[];
  readonly gateway: pulumi.Input<string>;
  /** Who may reach the pods: the gateway on the routed paths, and whom `services` names. Nobody else. */
  readonly access: Omit<ServiceAccessArgs, "service" | "namespace" | "port" | "paths">;
  readonly weights: VersionRoutesArgs["weights"];
  readonly rules?: VersionRoutesArgs["rules"];
  readonly policies?: VersionRoutesArgs["policies"];
  readonly globalRateLimit?: VersionRoutesArgs["globalRateLimit"];
  readonly loadBalancer?: VersionRoutesArgs["loadBalancer"];
  readonly gatewayPods?: VersionRoutesArgs["gatewayPods"];
  readonly circuitBreaker?: VersionRoutesArgs["circuitBreaker"];
  readonly versionPolicies?: VersionRoutesArgs["versionPolicies"];
  readonly propagation?: VersionRoutesArgs["propagation"];
  readonly guards?: VersionRoutesArgs["guards"];
  readonly cluster?: VersionRoutesArgs["cluster"];
  /** How long the pods of a version may take to get ready, in seconds. Default 180; 600 for `shopizer`. */
  readonly timeoutSeconds?: number;
}

/** What follows from the image family. */
export function categoryDefaults(image: CategoryImage): {
  readonly probes: ServiceProbes;
  readonly restricted: boolean;
  readonly resources: { readonly requests: Record<string, string>; readonly limits: Record<string, string> };
  readonly timeoutSeconds: number;
  readonly metrics?: ServiceMetrics;
} {
  return image === CategoryImage.shopizer
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
    const { cluster, gateway, guards, ...inputs } = args;
    super("shopzier-mesh:index:CategoryApi", name, inputs, guarded(cluster, opts));
    const defaults = categoryDefaults(args.image ?? CategoryImage["category-api"]);
    const port = args.port ?? 8080;
    const { weights, rules = [], policies = {} } = args;
    const callers = callersOf(args.access);
    const asked = versionsAsked({ weights, rules, policies });
    let letGo: (routes: pulumi.Resource) => void = () => undefined;
    const routed = new Promise<pulumi.Resource>((resolve) => {
      letGo = resolve;
    });
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
        graceSeconds: args.graceSeconds,
        versions: Object.fromEntries(
          Object.entries(args.versions).map(([version, of]) => [
            version,
            asked.has(version) ? of : { ...of, after: routed },
          ]),
        ),
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
        weights: args.weights,
        rules: args.rules,
        ...(args.access.services?.allow?.length && { meshCallers: true }),
        policies: args.policies,
        globalRateLimit: args.globalRateLimit,
        gatewayPods: args.gatewayPods,
        ...(args.loadBalancer && { loadBalancer: args.loadBalancer }),
        circuitBreaker: args.circuitBreaker,
        versionPolicies: args.versionPolicies,
        pods: Object.fromEntries(
          Object.entries(args.versions).map(([version, { scale }]) => [
            version,
            minimumReplicas(scale ?? { replicas: 1 }),
          ]),
        ),
        ...(args.propagation && {
          propagation: { ...args.propagation, ...(callers.length > 0 && { callers }) },
        }),
        guards,
        cluster,
      },
      { parent: this, dependsOn: service.rolledOut.apply((serving) => [...serving, access]) },
    );
    routes.routed.apply(letGo);
    this.shares = routes.shares;
    this.versions = service.versions;
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
