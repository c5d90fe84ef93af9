/** Values of a Helm chart. They are plain and never an Output, because one unknown value hides the whole release in a preview. */
export type HelmValues = Readonly<Record<string, unknown>>;

/**
 * Where charts are: the URL of a chart repository, the path of an OCI registry (`oci://`) with a repository for each chart, or
 * a folder with a folder for each chart.
 */
export type ChartSource = { readonly repository: string } | { readonly directory: string };

/** Istio's release chart repository. The former repository has no charts from 1.31 on (Istio 1.31 upgrade notes). */
export const ISTIO_CHARTS: ChartSource = {
  repository: "https://blob.istio.io/istio-release/charts",
};

/** The arguments of a Release that name a chart. */
export function chart(
  name: string,
  version: string,
  source: ChartSource = ISTIO_CHARTS,
): { chart: string; version: string; repositoryOpts?: { repo: string } } {
  if ("directory" in source) return { chart: `${source.directory.replace(/\/+$/, "")}/${name}`, version };
  const { repository } = source;
  return repository.startsWith("oci:")
    ? { chart: `${repository.replace(/\/+$/, "")}/${name}`, version }
    : { chart: name, version, repositoryOpts: { repo: repository } };
}

/** Merges from left to right as Helm merges value files: maps key by key, other values as a whole. */
export function mergeValues(...layers: readonly (HelmValues | undefined)[]): HelmValues {
  const merged: Record<string, unknown> = {};
  for (const layer of layers) {
    for (const [key, value] of Object.entries(layer ?? {})) {
      const below = merged[key];
      merged[key] = isMap(below) && isMap(value) ? mergeValues(below, value) : value;
    }
  }
  return merged;
}

function isMap(value: unknown): value is HelmValues {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
