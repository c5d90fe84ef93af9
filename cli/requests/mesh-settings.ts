/** What the control plane says to every proxy, as far as a side shows it (Istio: MeshConfig). */
import { parse } from "yaml";
import type { PathNormalization } from "../../components/simulator";
import type { Side } from "../side";

export interface MeshSettings {
  /** Policies in it are for the whole mesh. Default: `istio-system`. */
  readonly rootNamespace: string;
  readonly pathNormalization: PathNormalization;
  /** Proxies before each proxy, where a pod says nothing else. */
  readonly trustedProxies: number;
  /** Whether a side shows them. */
  readonly shown: boolean;
}

/** Of istiod's release (`values.meshConfig`) and of the ConfigMap `istio`, which is what istiod reads and so wins. */
export function meshSettings({ objects }: Side): MeshSettings {
  const releases = objects.filter((one) => one.kind === "Release" && /(^|\/)istiod$/.test(chartOf(one)));
  const maps = objects.filter(
    (one) => one.kind === "ConfigMap" && /^istio(-|$)/.test(one.metadata.name) && textAt(one, "data", "mesh"),
  );
  const values = releases.map((one) => valueAt(one, "spec", "values"));
  const written = [
    ...values.map((one) => valueAt(one, "meshConfig")),
    ...maps.map((one) => yamlOf(textAt(one, "data", "mesh"))),
  ];
  const last = (...path: string[]): unknown =>
    written
      .map((one) => valueAt(one, ...path))
      .filter((value) => value !== undefined)
      .at(-1);
  const installed =
    maps[0]?.metadata.namespace ??
    values.map((one) => textAt(one, "global", "istioNamespace")).find(Boolean) ??
    releases[0]?.metadata.namespace;
  const normalization = last("pathNormalization", "normalization");
  return {
    rootNamespace: textOf(last("rootNamespace")) ?? installed ?? "istio-system",
    pathNormalization: KINDS.find((kind) => kind === normalization) ?? "BASE",
    trustedProxies: numberOf(last("defaultConfig", "gatewayTopology", "numTrustedProxies")) ?? 0,
    shown: written.length > 0,
  };
}

const KINDS: readonly PathNormalization[] = ["NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"];

/** Of a pod's annotation `proxy.istio.io/config`; undefined where it says nothing. */
export const trustedProxiesOf = (annotation: string | undefined): number | undefined =>
  numberOf(valueAt(yamlOf(annotation), "gatewayTopology", "numTrustedProxies"));

/** The chart of a release, without its repository. */
export const chartOf = (release: object): string => textAt(release, "spec", "chart") ?? "";

/** A value in plain data that anybody may have written; undefined where something before it is missing. */
export function valueAt(data: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null ? (at as Record<string, unknown>)[key] : undefined),
    data,
  );
}

export const textAt = (data: unknown, ...path: readonly string[]): string | undefined =>
  textOf(valueAt(data, ...path));

/** Names and their texts; what is no text is left out. */
export function textsAt(data: unknown, ...path: readonly string[]): Readonly<Record<string, string>> {
  const found = valueAt(data, ...path);
  const entries = Object.entries(typeof found === "object" && found !== null ? found : {});
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const numberOf = (value: unknown): number | undefined =>
  Number.isInteger(value) && (value as number) >= 0 ? (value as number) : undefined;

/** Text that is no YAML says nothing. */
function yamlOf(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : parse(text);
  } catch {
    return undefined;
  }
}
