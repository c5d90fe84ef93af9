/** How an edit that cannot be made in one `pulumi up` can be made in two. */
import type { Side } from "../side";
import { changesOf, seenBy, type Change, type Order, type View } from "./order";
import { prove, type Fault, type FaultKind, type ProveOptions } from "./prove";

/** Parts of an edit that are settings of their own. */
export const TOPICS = {
  pods: "the pods of the versions",
  service: "the gateway's Service",
  policies: "access lists and tokens",
  routes: "routes and hosts",
} as const;
export type Topic = keyof typeof TOPICS;

export interface TwoSteps {
  readonly first: readonly Topic[];
  readonly then: readonly Topic[];
}

const topicOf = ({ key }: Change): Topic => {
  const [kind = ""] = key.split(" ");
  if (/^(Deployment|HorizontalPodAutoscaler)$/.test(kind)) return "pods";
  if (kind === "Release") return "service";
  return /^(AuthorizationPolicy|RequestAuthentication)$/.test(kind) ? "policies" : "routes";
};

/** Two edits neither of which has a fault of the kind; undefined where no cut between the topics leads to such. */
export function twoSteps(
  before: Side,
  after: Side,
  order: Order,
  { kind }: Pick<Fault, "kind">,
  options: ProveOptions = {},
): TwoSteps | undefined {
  const changes = changesOf(before, after);
  const topics = [...new Set(changes.map(topicOf))];
  for (const first of parts(topics)) {
    const view: View = new Set(changes.filter((one) => first.includes(topicOf(one))).map(({ key }) => key));
    const between = seenBy(view, before, changes);
    const hasFault = (from: Side, to: Side): boolean => has(prove(from, to, order, options), kind);
    if (!hasFault(before, between) && !hasFault(between, after))
      return { first, then: topics.filter((topic) => !first.includes(topic)) };
  }
  return undefined;
}

const has = (faults: readonly Fault[], kind: FaultKind): boolean => faults.some((one) => one.kind === kind);

/** All parts that are neither nothing nor everything, the largest first: what can wait is one topic where possible. */
function parts(topics: readonly Topic[]): Topic[][] {
  const all = Array.from({ length: 2 ** topics.length - 2 }, (_, i) =>
    topics.filter((_topic, j) => ((i + 1) >> j) % 2 === 1),
  );
  return all.sort((a, b) => b.length - a.length);
}
