/** Settings that all charts share. */
import { SUBDOMAIN } from "./dns-names";
import { chartSource } from "./chart-source";
import { imageReference } from "./image-reference";
import { namespace } from "./namespace-settings";
import { resources } from "./pod-settings";
import { field, flag, freeForm, refuse, refuseAs, text, withDefault } from "./fields";
import { quantity } from "./number-fields";

const enabled = withDefault(
  flag({ description: "Whether it is installed. Default true if the block exists." }),
  true,
);

const charts = chartSource("the chart", "https://charts.example.com");

const chartVersion = text(/^\d+\.\d+\.\d+$/, 'a chart version such as "29.27.0"', {
  description: "Version of the chart; the component's own choice when absent.",
  example: "1.2.3",
});

const image = field(
  (value) => {
    const { name, tag, digest } = (typeof value === "string" ? imageReference(value) : undefined) ?? {};
    if (name === undefined) return refuse();
    if (digest !== undefined)
      return refuseAs(
        "valueRefused",
        { allowed: "an image with a tag and without a digest" },
        ...(tag === undefined ? [] : [{ set: `${name}:${tag}` }]),
      );
    return tag === undefined ? refuse() : { repository: name, tag };
  },
  {
    title: "an image with a tag, such as registry.example.com/prometheus:v3.14.0",
    type: "string",
    description: "Image; the chart's own when absent.",
    example: "registry.example.com/image:1.0.0",
  },
);

export const installed = (name: string) => ({
  enabled,
  namespace: namespace("Where it runs.", name),
  version: chartVersion.exactOptional(),
  charts: charts.exactOptional(),
  image: image.exactOptional(),
  resources: resources.exactOptional(),
  values: freeForm(
    "Helm values that are merged last over everything this program decides. Not checked.",
  ).exactOptional(),
});

export const volume = {
  size: quantity("storage", { description: "Size of the persistent volume.", example: "10Gi" }),
  storageClass: text(SUBDOMAIN, "the name of a StorageClass", {
    description: "Class of the volume; the cluster's default when absent.",
    example: "standard",
  }).exactOptional(),
};
