/** What an edit does to traffic: two sides in, a report out. */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { SimulatedRequest } from "../../components/simulator";
import { compareDerived, compareRequests } from "../requests/compare";
import { keyOf, type Comparison, type KubernetesObject, type Side } from "../side";
import { headline } from "./headline";
import { byKey } from "./istio-objects";
import { objectRisks } from "./object-risks";
import type { ObjectChange, Report, RequestChanges } from "./report";
import { requestChanges } from "./request-changes";
import { heaviestFirst } from "./risks";
import { ruleChanges } from "./rules";
import { rank, settingChanges } from "./settings";
import { readable } from "./shape";
import { trafficRisks } from "./traffic-risks";

export interface DiffOptions {
  /** Requests per second, as far as the reader knows. Default: unknown. */
  readonly rate?: number;
  /** Points of percent that a share may rise in one edit. Default: what the objects say. */
  readonly maxStep?: number;
}

export interface RequestsOfFile {
  readonly file: string;
  readonly requests: readonly SimulatedRequest[];
}

/** @param requests of a file. Default: such as follow from the objects of both sides. */
export function diff(comparison: Comparison, options: DiffOptions = {}, requests?: RequestsOfFile): Report {
  const { title, before, after, steps, error } = comparison;
  const [left, right] = [readable(before.objects), readable(after.objects)];
  const [old, now] = [left.objects, right.objects];
  const rules = ruleChanges(old, now, options);
  const settings = settingChanges(old, now);
  const objects = steps?.map(({ operation, object }) => ({ operation, object })) ?? objectChanges(old, now);
  const risks = heaviestFirst([
    ...trafficRisks(old, now, { rules }, options),
    ...objectRisks(old, now, objects),
  ]);
  const decided = decide({ ...before, objects: old }, { ...after, objects: now }, requests);
  const found = {
    title,
    sides: { before: before.title, after: after.title },
    ...(error !== undefined && { error }),
    rules,
    settings,
    risks,
    ...(decided && { requests: decided }),
    objects,
    notShown: [
      ...new Set([
        ...before.notShown,
        ...after.notShown,
        ...left.others,
        ...right.others,
        ...releases(objects),
      ]),
    ],
    digests: { before: digest(before), after: digest(after) },
  };
  return { ...found, headline: headline(found) };
}

/** Undefined where no requests were asked for, and none follow from what differs. */
function decide(before: Side, after: Side, given: RequestsOfFile | undefined): RequestChanges | undefined {
  if (given) return requestChanges(compareRequests(given.requests, before, after), given.file);
  const changes = requestChanges(compareDerived(before, after));
  return changes.groups.length === 0 ? undefined : changes;
}

/** By what differs, where no engine was asked. A change of a Deployment's pods restarts them. */
function objectChanges(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
): ObjectChange[] {
  const [old, now] = [byKey(before), byKey(after)];
  const changes = [
    ...[...now].flatMap(([object, value]): ObjectChange[] => {
      const earlier = old.get(object);
      if (!earlier) return [{ operation: "create", object }];
      return isDeepStrictEqual(earlier, value) ? [] : [{ operation: "update", object }];
    }),
    ...[...old.keys()]
      .filter((object) => !now.has(object))
      .map((object): ObjectChange => ({ operation: "delete", object })),
  ];
  const kind = ({ object }: ObjectChange): number => rank(object.split(" ")[0] ?? "");
  return changes.sort((a, b) => kind(a) - kind(b));
}

/** The objects of a chart that changes are known to nobody before it is rendered. */
const releases = (objects: readonly ObjectChange[]): string[] =>
  objects
    .filter(({ object, operation }) => object.startsWith("Release ") && operation !== "delete")
    .map(({ object }) => `the objects of ${object}`);

/** What decides about requests. */
const TRAFFIC = /^(networking|security|telemetry)\.istio\.io\/|^apps\/|^autoscaling\/|^helm\.sh\//;

/** Of the objects that decide about requests, whatever order they stand in. */
export function digest({ objects }: Side): string {
  const texts = objects
    .filter(({ apiVersion, kind }) => TRAFFIC.test(apiVersion) || kind === "Service")
    .map((object) => `${keyOf(object)} ${JSON.stringify(sorted(object))}`)
    .sort();
  return createHash("sha256").update(texts.join("\n")).digest("hex");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const record = value as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(record)
      .sort()
      .map((key) => [key, sorted(record[key])]),
  );
}
