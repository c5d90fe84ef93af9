/** Whether objects have the form that the diff reads; the cluster would refuse others, but a file may have anything. */
import { keyOf, type KubernetesObject } from "../side";
import { isObject } from "./fields";

/** A list has one item: the form of all. `map` is a record with values of the form. */
type Shape =
  | "text"
  | "number"
  | "any"
  | readonly [Shape]
  | { readonly map: Shape }
  | { readonly [field: string]: Shape };

const texts: Shape = ["text"];
const labels: Shape = { map: "text" };
const match: Shape = { map: { map: "any" } };
const stringMatch: Shape = { exact: "text", prefix: "text", regex: "text" };
const workload: Shape = {
  replicas: "number",
  template: { metadata: { labels }, spec: { containers: [{ name: "text", image: "text" }] } },
};

const SHAPES: Readonly<Record<string, Shape>> = {
  VirtualService: {
    hosts: texts,
    gateways: texts,
    exportTo: texts,
    http: [
      {
        name: "text",
        match: [
          {
            ...{ uri: stringMatch, method: stringMatch, authority: stringMatch, scheme: stringMatch },
            ...{ headers: match, withoutHeaders: match, queryParams: match },
            ...{ gateways: texts, sourceLabels: labels, sourceNamespace: "text", port: "number" },
          },
        ],
        route: [{ destination: { host: "text", subset: "text" }, weight: "number" }],
        redirect: { uri: "text", authority: "text", scheme: "text", redirectCode: "number" },
        directResponse: { status: "number" },
        delegate: { name: "text", namespace: "text" },
      },
    ],
  },
  DestinationRule: { host: "text", subsets: [{ name: "text", labels }] },
  Deployment: workload,
  StatefulSet: workload,
  Service: { selector: labels },
  HorizontalPodAutoscaler: { minReplicas: "number", maxReplicas: "number", scaleTargetRef: { name: "text" } },
  AuthorizationPolicy: {
    action: "text",
    rules: [
      {
        from: [{ source: { map: texts } }],
        to: [{ operation: { map: texts } }],
        when: [{ key: "text", values: texts, notValues: texts }],
      },
    ],
  },
  Gateway: { servers: [{ hosts: texts, port: { map: "any" }, tls: { map: "any" } }] },
};

/** The objects that can be read, and the others in words. */
export function readable(objects: readonly KubernetesObject[]): {
  readonly objects: readonly KubernetesObject[];
  readonly others: readonly string[];
} {
  const others: string[] = [];
  const good = objects.filter((object) => {
    const group = /^(networking|security)\.istio\.io\/|^(apps|autoscaling)\/|^v1$/.test(object.apiVersion);
    const shape = group ? SHAPES[object.kind] : undefined;
    const wrong = shape && problem(object.spec, shape, "spec");
    if (wrong !== undefined) others.push(`${keyOf(object)}, whose ${wrong}`);
    return wrong === undefined;
  });
  return { objects: good, others };
}

/** Where a value differs from its form. Null and unknown fields are all right, as in Kubernetes. */
function problem(value: unknown, shape: Shape, path: string): string | undefined {
  if (value === undefined || value === null || shape === "any") return undefined;
  if (typeof shape === "string") {
    const fits = shape === "text" ? typeof value === "string" : typeof value === "number";
    return fits ? undefined : `${path} is no ${shape}`;
  }
  if (isList(shape)) {
    if (!Array.isArray(value)) return `${path} is no list`;
    return first(
      value.map((item: unknown, index) => {
        const at = `${path}[${index}]`;
        return item === null ? `${at} is empty` : problem(item, shape[0], at);
      }),
    );
  }
  if (!isObject(value)) return `${path} is no object`;
  const { map } = shape as { readonly map?: Shape };
  if (map) {
    return first(Object.entries(value).map(([key, item]) => problem(item, map, `${path}.${key}`)));
  }
  return first(Object.entries(shape).map(([key, inner]) => problem(value[key], inner, `${path}.${key}`)));
}

const isList = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape);
const first = (problems: readonly (string | undefined)[]): string | undefined =>
  problems.find((found) => found !== undefined);
