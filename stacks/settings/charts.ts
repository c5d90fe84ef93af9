import type { ChartSource } from "../../components/kubernetes/helm-chart";
import { field, refuse, show } from "./fields";
import type { Finding, Path } from "./problem";
import type { PartialConfiguration } from "./rules";

const URL_OF_CHARTS = /^(https?|oci):\/\/[^\s/]+\S*$/;

/** Where charts come from: `what` is in a folder. */
export const chartSource = (what: string, example: string) =>
  field(
    (value): ChartSource | ReturnType<typeof refuse> => {
      if (typeof value === "string" && URL_OF_CHARTS.test(value)) return { repository: value };
      if (typeof value === "string" && value.trim() !== "" && !value.includes("://"))
        return { directory: value };
      return refuse();
    },
    {
      type: "string",
      title:
        "the https URL of a chart repository, oci:// and the path of a registry below which charts are, or the path of a folder with charts",
      minLength: 1,
      description: `Chart repository or registry (URL), or folder with ${what} (path relative to the project).`,
      example,
    },
  );

/** Sources that whoever is between this machine and them may change. */
function plainSources({ istio, observability }: PartialConfiguration): { path: Path; url: string }[] {
  const sources = {
    "istio.charts": istio?.charts,
    "observability.prometheus.charts": observability?.prometheus?.charts,
    "observability.jaeger.charts": observability?.jaeger?.charts,
    "observability.grafana.charts": observability?.grafana?.charts,
  };
  return Object.entries(sources).flatMap(([at, source]) => {
    const url = source && "repository" in source ? source.repository : undefined;
    return url?.startsWith("http:") ? [{ path: at.split("."), url }] : [];
  });
}

export function* chartFindings(c: PartialConfiguration, hint: string): Generator<Finding> {
  for (const { path, url } of plainSources(c)) {
    yield {
      path,
      found: `${show(url)}, over plain HTTP`,
      allowed: "charts over https or oci, or in a folder, in production",
      hint: `${hint}; whoever is in between may change what is installed`,
      repairs: [{ set: url.replace(/^http:/, "https:") }],
    };
  }
}

export const chartWarnings = (c: PartialConfiguration): string[] =>
  plainSources(c).map(
    ({ path }) =>
      `shopzier:${path.join(".")} is over plain HTTP: whoever is in between may change what is installed. Production refuses it.`,
  );
