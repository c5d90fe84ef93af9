/** What an edit does to traffic: two sides in, a report out. */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { SimulatedRequest } from "../../components/simulator";
import { compareDerived, compareRequests } from "../requests/compare";
import { MESH_DEFAULTS } from "../requests/proxies";
import { keyOf, type Comparison, type KubernetesObject, type Side } from "../side";
import { unmarked } from "./compared";
import { headline } from "./headline";
import { byKey, ofKind } from "./istio-objects";
import { orderRisks } from "./order-risks";
import { objectRisks } from "./object-risks";
import type { ObjectChange, Report, RequestChanges, RuleChange } from "./report";
import { requestChanges, requestRisks } from "./request-changes";
import { heaviestFirst } from "./risks";
import { comparedRules, pairedServices, ruleChanges } from "./rules";
import { rank, settingChanges } from "./settings";
import { readable } from "./shape";
import { trafficRisks } from "./traffic-risks";

export interface DiffOptions {
  /** Requests per second, as far as the reader knows. Default: unknown. */
  readonly rate?: number;
  /** As `rate`, by VirtualService (`namespace/name`); it goes before `rate`. */
  readonly rates?: Readonly<Record<string, number>>;
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
  const [left, right] = readable(before.objects, after.objects);
  const [old, now] = [left.objects, right.objects];
  const services = pairedServices(old, now);
  const all = comparedRules(old, now, services, options);
  const rules = ruleChanges(all);
  const settings = settingChanges(old, now, services);
  const objects =
    steps?.map(({ operation, object }) => ({ operation, object })) ??
    objectChanges(before.objects, after.objects);
  const decided = decide({ ...before, objects: old }, { ...after, objects: now }, rules, requests);
  const risks = heaviestFirst([
    ...trafficRisks(old, now, all, options),
    ...objectRisks(old, now, objects),
    ...requestRisks(decided.changes),
    ...orderRisks(old, now, all),
  ]);
  const unread = [...new Set([...left.others, ...right.others])];
  const found = {
    title,
    sides: { before: before.title, after: after.title },
    ...(error !== undefined && { error }),
    rules,
    settings,
    risks,
    ...(decided.changes && { requests: decided.changes }),
    objects,
    ...(unread.length > 0 && { unread }),
    notShown: [
      ...new Set([
        ...before.notShown,
        ...after.notShown,
        ...releases(objects),
        ...unseen(objects, [...old, ...now]),
        ...decided.notLookedAt,
      ]),
    ],
    digests: { before: digest(before), after: digest(after) },
  };
  return { ...found, headline: headline(found) };
}

interface Decided {
  readonly changes: RequestChanges | undefined;
  readonly notLookedAt: readonly string[];
}

/** Nothing where no requests were asked for, and none follow from what differs. */
function decide(
  before: Side,
  after: Side,
  rules: readonly RuleChange[],
  given: RequestsOfFile | undefined,
): Decided {
  const found = given ? compareRequests(given.requests, before, after) : compareDerived(before, after);
  const changes = requestChanges(found, rules, given?.file);
  const isEmpty = !given && changes.groups.length === 0;
  // Where nothing differs, nobody asks what was not looked at. Defaults of a mesh that is not among the objects are usual.
  const notLookedAt = found.total === 0 ? [] : found.notLookedAt.filter((note) => note !== MESH_DEFAULTS);
  return { changes: isEmpty ? undefined : changes, notLookedAt };
}

/** Routes of objects that change and that the report does not follow. */
function unseen(changes: readonly ObjectChange[], objects: readonly KubernetesObject[]): string[] {
  const changed = new Set(changes.map(({ object }) => object));
  const parts = ofKind(objects, "VirtualService")
    .filter((object) => changed.has(keyOf(object)))
    .flatMap((object) =>
      (["tcp", "tls"] as const)
        .filter((part) => object.spec[part]?.length)
        .map((part) => `${part} of ${keyOf(object)}: who goes where`),
    );
  const others = [...changed].filter((object) => /^(HTTP|GRPC|TCP|TLS|UDP)Route /.test(object));
  return [...new Set(parts), ...others.map((object) => `what ${object} does: routes of the Gateway API`)];
}

/** By what differs, where no engine was asked. */
function objectChanges(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
): ObjectChange[] {
  const [old, now] = [byKey(before), byKey(after)];
  const changes = [
    ...[...now].flatMap(([object, value]): ObjectChange[] => {
      const earlier = old.get(object);
      if (!earlier) return [{ operation: "create", object }];
      const same = isDeepStrictEqual(unmarked(earlier), unmarked(value));
      return same ? [] : [{ operation: "update", object }];
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
