/** Whether objects have the form that the diff reads; the cluster would refuse others, but a file may have anything. */
import { isObject, keyOf, type KubernetesObject } from "../side";

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

/** A field whose name ends with `!` has to be there. */
const DESTINATION: Shape = { "host!": "text", subset: "text", port: { number: "number" } };

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
        route: [{ "destination!": DESTINATION, weight: "number" }],
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

interface Readable {
  readonly objects: readonly KubernetesObject[];
  /** Those that cannot be read, in words. */
  readonly others: readonly string[];
}

/** The objects of both sides that can be read. One that cannot be read on a side is on neither, so that nobody takes it for new or gone. */
export function readable(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
): [before: Readable, after: Readable] {
  const problems = [before, after].map(
    (objects) =>
      new Map(
        objects.flatMap((object) => {
          const wrong = problemOf(object);
          return wrong === undefined ? [] : [[keyOf(object), `${keyOf(object)}, whose ${wrong}`] as const];
        }),
      ),
  );
  const unread = new Set(problems.flatMap((found) => [...found.keys()]));
  const side = (objects: readonly KubernetesObject[], found: Map<string, string> | undefined): Readable => ({
    objects: objects.filter((object) => !unread.has(keyOf(object))),
    others: [...(found?.values() ?? [])],
  });
  return [side(before, problems[0]), side(after, problems[1])];
}

function problemOf(object: KubernetesObject): string | undefined {
  const group = /^(networking|security)\.istio\.io\/|^(apps|autoscaling)\/|^v1$/.test(object.apiVersion);
  const shape = group ? SHAPES[object.kind] : undefined;
  return shape && problem(object.spec, shape, "spec");
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
  return first(
    Object.entries(shape as Readonly<Record<string, Shape>>).map(([written, inner]) => {
      const key = written.replace("!", "");
      const found = value[key] ?? undefined;
      if (found === undefined) return key === written ? undefined : `${path}.${key} is missing`;
      return problem(found, inner, `${path}.${key}`);
    }),
  );
}

const isList = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape);
const first = (problems: readonly (string | undefined)[]): string | undefined =>
  problems.find((found) => found !== undefined);
