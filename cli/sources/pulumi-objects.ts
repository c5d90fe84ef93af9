import { isObject, SECRET, UNKNOWN, type KubernetesObject, type Side } from "../side";
import { clusterKinds, notAnObject, sideObject } from "./kubernetes-objects";

/** A resource as Pulumi's engine has it. */
export interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly custom: boolean;
  /** `urn::id`; empty: the default one. */
  readonly provider?: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** Marks a map in Pulumi's wire format and state as something else: https://www.pulumi.com/docs/iac/concepts/secrets/ */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";

/** Components whose objects their provider or Helm tells: they are resources only where there is an engine. */
const RENDERED =
  /^kubernetes:(helm\.sh\/v[34]:Chart|kustomize(\/v2)?:Directory|yaml\/v2:Config(File|Group))$/;

/**
 * The Kubernetes objects of resources: what a side has. Components, providers and resources of other clouds are left out.
 *
 * @param namespace of the default provider.
 * @param secrets texts that become SECRET wherever they are.
 * @param rendered whether the objects of charts are among the resources. Default: false.
 */
export function objectsOfResources(
  resources: readonly Resource[],
  {
    namespace,
    secrets = [],
    rendered = false,
  }: { namespace?: string; secrets?: readonly string[]; rendered?: boolean } = {},
): Pick<Side, "objects" | "notShown"> {
  const namespaces = new Map(
    resources.flatMap(({ type, urn, inputs }) =>
      type === "pulumi:providers:kubernetes" && typeof inputs.namespace === "string"
        ? [[urn, inputs.namespace]]
        : [],
    ),
  );
  const kubernetes = resources.filter(({ type }) => type.startsWith("kubernetes:"));
  const ofCluster = clusterKinds(kubernetes.map(({ inputs }) => inputs));
  const objects: KubernetesObject[] = [];
  const notShown: string[] = [];
  for (const resource of kubernetes) {
    const [, group = "", kind = ""] = resource.type.split(":");
    const { name, provider = "" } = resource;
    if (!rendered && RENDERED.test(resource.type)) {
      notShown.push(`the objects of ${kind} ${name}`);
      continue;
    }
    if (!resource.custom) continue;
    if (kind.endsWith("Patch")) {
      notShown.push(`what ${kind} ${name} changes in an object of others`);
      continue;
    }
    const within = namespaces.get(provider.split("::").slice(0, 4).join("::")) ?? namespace;
    const value =
      resource.type === "kubernetes:helm.sh/v3:Release" ? release(resource) : object(resource, group, kind);
    // An object whose name is known only after the update is a text or nothing here.
    const plain = (value.kind === "Secret" ? withPlainData(value) : value) as KubernetesObject;
    if (notAnObject(plain) !== undefined) {
      notShown.push(`${kind} ${name}, whose metadata is known only after the update`);
      continue;
    }
    objects.push(withoutSecrets(sideObject(plain, { namespace: within, ofCluster }), secrets));
  }
  return { objects, notShown };
}

function object({ name, inputs }: Resource, group: string, kind: string): Record<string, unknown> {
  const { metadata = {}, ...rest } = inputs;
  const version = group.startsWith("core/") ? group.slice("core/".length) : group;
  if (!isObject(metadata)) return { apiVersion: version, kind, ...rest, metadata };
  // Without a name the provider generates one, which differs in each run.
  const known = metadata.name === undefined || metadata.name === UNKNOWN ? name : metadata.name;
  return { apiVersion: version, kind, ...rest, metadata: { ...metadata, name: known } };
}

function release({ name, inputs }: Resource): Record<string, unknown> {
  const { name: given, namespace, chart, version, repositoryOpts, values } = inputs;
  const spec = {
    chart,
    version,
    repository: isObject(repositoryOpts) ? repositoryOpts.repo : undefined,
    values,
  };
  return {
    apiVersion: "helm.sh/v3",
    kind: "Release",
    metadata: { name: given ?? name, ...(namespace !== undefined && { namespace }) },
    spec: Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined)),
  };
}

/** For the digest, which takes the place of the data. */
function withPlainData(secret: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fields = ["data", "stringData"].flatMap((field) =>
    field in secret ? [[field, unwrapped(secret[field])] as const] : [],
  );
  return { ...secret, ...Object.fromEntries(fields) };
}

function unwrapped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unwrapped);
  if (!isObject(value)) return value;
  if (value[SIGNATURE] === SECRET_SIGNATURE) return unwrapped(plaintext(value));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unwrapped(inner)]));
}

/** In state and digests the value is JSON, unless it is hidden already. */
function plaintext({ value, plaintext: text }: Readonly<Record<string, unknown>>): unknown {
  if (typeof text !== "string") return value;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The value with SECRET for all that Pulumi marks as secret, and for `secrets` in texts and as numbers; UNKNOWN for texts with a part that is. */
export function withoutSecrets<Value>(value: Value, secrets: readonly string[]): Value {
  return hidden(value, secrets) as Value;
}

function hidden(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === "string") {
    // An unknown value in a text makes all of it unknown.
    if (value.includes(UNKNOWN)) return UNKNOWN;
    return secrets.reduce((text, secret) => text.replaceAll(secret, SECRET), value);
  }
  if (typeof value === "number" || typeof value === "boolean")
    return secrets.includes(String(value)) ? SECRET : value;
  if (Array.isArray(value)) return value.map((item) => hidden(item, secrets));
  if (!isObject(value)) return value;
  if (value[SIGNATURE] === SECRET_SIGNATURE) return SECRET;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hidden(inner, secrets)]));
}
