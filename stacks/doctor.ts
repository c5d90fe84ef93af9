/** Checks a cluster before a stack is installed: `npm run doctor -- <stack> [--json]`. It only reads. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import type { KubernetesObject } from "@kubernetes/client-node";
import { parse } from "yaml";
import { apiMessage, kubernetesAccess, type ClusterAccess } from "../components/kubernetes/cluster-access";
import { OWNER_MARK, ownerMark, verdictOn } from "../components/kubernetes/owner";
import { parseSettings, type Settings } from "./config/settings";
import type { Namespace } from "./config/schema/namespace-settings";

const PROJECT = "shopzier";

/** A right that a stack needs. */
export interface Right {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verb: string;
  /** Default: all namespaces. */
  readonly namespace?: string;
}

export interface IstioPart {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly revision: string;
}

/** The findings. */
export interface Findings {
  readonly context: string;
  readonly server: string;
  readonly kubernetes: string;
  readonly controlPlanes: readonly IstioPart[] | string;
  readonly gateways: readonly IstioPart[] | string;
  readonly missingRights: readonly Right[];
  /** Namespaces that the stack creates and that exist without its mark, with their owners. */
  readonly foreign: readonly { readonly name: string; readonly owner: string }[];
}

/** Whether `up` can run without a conflict. */
export const isWell = ({ missingRights, foreign }: Findings): boolean =>
  missingRights.length === 0 && foreign.length === 0;

/** The namespaces in which the stack writes. */
export function namespacesOf({ istio, gateway, category, observability }: Settings): Namespace[] {
  return [
    ...(istio.install ? [istio.namespace] : []),
    gateway.existing ? { name: gateway.existing.namespace, create: false } : gateway.namespace,
    category.namespace,
    ...(["prometheus", "jaeger", "grafana"] as const).flatMap((name) => {
      const { namespace } = observability[name] ?? {};
      return typeof namespace === "object" ? [{ create: true, ...namespace }] : [];
    }),
  ];
}

const ISTIO_KINDS: Readonly<Record<string, readonly string[]>> = {
  "networking.istio.io": [
    "gateways",
    "virtualservices",
    "destinationrules",
    "envoyfilters",
    "serviceentries",
  ],
  "security.istio.io": ["authorizationpolicies", "requestauthentications", "peerauthentications"],
  "telemetry.istio.io": ["telemetries"],
};
const NAMESPACED: Readonly<Record<string, readonly string[]>> = {
  "": ["configmaps", "secrets", "services", "serviceaccounts"],
  apps: ["deployments", "statefulsets"],
  autoscaling: ["horizontalpodautoscalers"],
  policy: ["poddisruptionbudgets"],
  "networking.k8s.io": ["networkpolicies"],
  "rbac.authorization.k8s.io": ["roles", "rolebindings"],
};
const CLUSTER_WIDE: Readonly<Record<string, readonly string[]>> = {
  "apiextensions.k8s.io": ["customresourcedefinitions"],
  "admissionregistration.k8s.io": ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
  "rbac.authorization.k8s.io": ["clusterroles", "clusterrolebindings"],
};
/** Kinds that the stack writes in the namespace of a gateway with another owner. */
const AT_A_GATEWAY: Readonly<Record<string, readonly string[]>> = {
  "networking.istio.io": ["gateways", "virtualservices", "envoyfilters"],
  "security.istio.io": ["authorizationpolicies"],
};
const WRITES = ["get", "create", "patch", "delete"];

/** The rights that the stack needs, as far as the settings show them. */
export function rightsOf(settings: Settings): Right[] {
  const writes = (
    kinds: Readonly<Record<string, readonly string[]>>,
    namespace: { readonly namespace?: string },
  ): Right[] =>
    Object.entries(kinds).flatMap(([group, resources]) =>
      resources.flatMap((resource) => WRITES.map((verb) => ({ group, resource, verb, ...namespace }))),
    );
  const pods = (namespace: string, verb: string, subresource?: string): Right => ({
    ...{ group: "", resource: "pods", verb, namespace },
    ...(subresource !== undefined && { subresource }),
  });
  const namespaces = namespacesOf(settings);
  const { existing, namespace } = settings.gateway;
  const gateway = existing?.namespace ?? namespace.name;
  return [
    ...(settings.istio.install ? writes(CLUSTER_WIDE, {}) : []),
    ...(namespaces.some(({ create }) => create) ? writes({ "": ["namespaces"] }, {}) : []),
    ...namespaces.flatMap(({ name }) =>
      writes(name === existing?.namespace ? AT_A_GATEWAY : { ...NAMESPACED, ...ISTIO_KINDS }, {
        namespace: name,
      }),
    ),
    ...(settings.istio.install
      ? []
      : [{ group: "apps", resource: "deployments", verb: "list", namespace: settings.istio.namespace.name }]),
    ...(existing
      ? ["gateways", "virtualservices"].map((resource) => ({
          ...{ group: "networking.istio.io", resource, verb: "list" },
        }))
      : []),
    pods(settings.category.namespace.name, "list"),
    pods(gateway, "list"),
    ...(settings.propagation.wait ? ["get", "create"].map((verb) => pods(gateway, verb, "portforward")) : []),
  ];
}

interface Deployment extends KubernetesObject {
  readonly spec: {
    readonly template: {
      readonly metadata: {
        readonly labels?: Readonly<Record<string, string>>;
        readonly annotations?: Readonly<Record<string, string>>;
      };
    };
  };
}

/** Asks the cluster. */
export async function examine(settings: Settings, stack: string, access: ClusterAccess): Promise<Findings> {
  const { config } = await kubernetesAccess(access);
  const client = await import("@kubernetes/client-node");
  const objects = client.KubernetesObjectApi.makeApiClient(config);
  const { gitVersion } = await config.makeApiClient(client.VersionApi).getCode();

  const may = async ({ resource, subresource, group, verb, namespace }: Right): Promise<boolean> => {
    const review = await objects.create({
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes: { group, resource, subresource, verb, namespace } },
    } as KubernetesObject);
    return (review as { readonly status?: { readonly allowed?: boolean } }).status?.allowed === true;
  };
  // A caller with all rights, the usual case, needs only one question.
  const all = await may({ group: "*", resource: "*", verb: "*" });
  const rights = all ? [] : rightsOf(settings);
  const allowed = await Promise.all(rights.map(may));

  const parts = (deployments: readonly Deployment[]): IstioPart[] =>
    deployments.map(({ metadata, spec: { template } }) => ({
      namespace: metadata?.namespace ?? "",
      name: metadata?.name ?? "",
      version: template.metadata.labels?.["app.kubernetes.io/version"] ?? "unknown",
      revision: template.metadata.labels?.["istio.io/rev"] ?? "default",
    }));
  const list = objects.list<Deployment>("apps/v1", "Deployment");
  const deployments = await list.then(({ items }) => items).catch(apiMessage);
  const found = (is: (template: Deployment["spec"]["template"]["metadata"]) => boolean) =>
    typeof deployments === "string"
      ? deployments
      : parts(deployments.filter(({ spec }) => is(spec.template.metadata)));

  const foreign = await Promise.all(
    namespacesOf(settings).map(async ({ name, create }) => {
      if (!create) return [];
      const live = await objects
        .read({ apiVersion: "v1", kind: "Namespace", metadata: { name } })
        .catch((error: unknown) => {
          if ((error as { code?: number }).code === 404) return undefined;
          throw error;
        });
      // Local backends and Pulumi Cloud name the organization differently, so only project and stack are compared.
      const [organization = ""] = live?.metadata?.annotations?.[OWNER_MARK]?.split(" ") ?? [];
      const verdict = verdictOn(live?.metadata, ownerMark(organization, `urn:pulumi:${stack}::${PROJECT}::`));
      return verdict.kind === "foreign" ? [{ name, owner: verdict.owner }] : [];
    }),
  );
  return {
    context: config.getCurrentContext(),
    server: config.getCurrentCluster()?.server ?? "none",
    kubernetes: gitVersion,
    controlPlanes: found(({ labels }) => labels?.app === "istiod"),
    gateways: found(({ annotations }) => annotations?.["inject.istio.io/templates"] === "gateway"),
    missingRights: rights.filter((_, i) => allowed[i] !== true),
    foreign: foreign.flat(),
  };
}

/** The findings as text. */
export function report(findings: Findings): string {
  const istio = (parts: Findings["gateways"]): string => {
    if (typeof parts === "string") return `not known: ${parts}`;
    const words = parts.map((p) => `${p.namespace}/${p.name} ${p.version} (revision ${p.revision})`);
    return words.join(", ") || "none";
  };
  const right = ({ verb, resource, subresource, group, namespace }: Right): string =>
    `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}${group === "" ? "" : `.${group}`}` +
    (namespace === undefined ? "" : ` in namespace ${namespace}`);
  const { context, server, kubernetes, controlPlanes, gateways, missingRights, foreign } = findings;
  return [
    `context:        ${context} (${server})`,
    `Kubernetes:     ${kubernetes}`,
    `control planes: ${istio(controlPlanes)}`,
    `gateways:       ${istio(gateways)}`,
    `rights:         ${missingRights.length === 0 ? "all that the stack needs" : "these are missing"}`,
    ...missingRights.map((r) => `  - ${right(r)}`),
    `exists already: ${foreign.length === 0 ? "nothing of others that the stack would make" : "these namespaces have not the mark of this stack; `pulumi preview` refuses those that are not in its state"}`,
    ...foreign.map(({ name, owner }) => `  - ${name}: ${owner}`),
  ].join("\n");
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { json: { type: "boolean" } },
    allowPositionals: true,
  });
  const stack = positionals[0] ?? process.env.PULUMI_STACK;
  if (stack === undefined) throw new Error("which stack? npm run doctor -- <stack> [--json]");
  const file = path.join(__dirname, "..", `Pulumi.${stack}.yaml`);
  const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
  const under = (namespace: string): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(config).flatMap(([key, value]) =>
        key.startsWith(`${namespace}:`) ? [[key.slice(namespace.length + 1), value]] : [],
      ),
    );
  const { kubeconfig, context, cluster } = under("kubernetes") as Readonly<Record<string, string>>;
  const findings = await examine(parseSettings(under(PROJECT), stack), stack, {
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(context !== undefined && { context }),
    ...(cluster !== undefined && { cluster }),
  });
  console.log(values.json ? JSON.stringify(findings, undefined, 2) : report(findings));
  if (!isWell(findings)) process.exitCode = 1;
}

if (require.main === module) {
  main().catch((error: unknown) => {
    console.error(apiMessage(error));
    process.exitCode = 2;
  });
}
