/** Edits of stack files through the prover, as the true program would write them. */
import { prove, type Fault, type FaultKind } from "../../cli/order/prove";
import type { Order } from "../../cli/order/order";
import { twoSteps, type TwoSteps } from "../../cli/order/steps";
import type { Side } from "../../cli/side";
import type { GeneratedEdit } from "./edits";
import { inQuotes, type Config } from "./generated-settings";
import { orderOf } from "./order";
import { runProgram } from "./program";
import { sideOfRun } from "./sides";

/** @param mutate changes the order in which the objects are written. */
export async function proofOf(
  before: Config,
  after: Config,
  mutate: (order: Order) => Order = (order) => order,
): Promise<Proof> {
  const both = [await run(before), await run(after)] as const;
  const [a, b] = [sideOfRun("before", both[0]), sideOfRun("after", both[1])];
  const order = mutate(orderOf(...both));
  return {
    before: a,
    after: b,
    faults: prove(a, b, order),
    twoSteps: (fault) => twoSteps(a, b, order, fault),
  };
}

export interface Proof {
  readonly before: Side;
  readonly after: Side;
  readonly faults: readonly Fault[];
  readonly twoSteps: (fault: Fault) => TwoSteps | undefined;
}

/** Keys without namespace. */
function run(config: Config): ReturnType<typeof runProgram> {
  const key = JSON.stringify(config);
  const known = runs.get(key) ?? runOnce(config);
  runs.set(key, known);
  return known;
}

const runs = new Map<string, ReturnType<typeof runProgram>>();

function runOnce(config: Config): ReturnType<typeof runProgram> {
  const entries = Object.entries(inQuotes(config)).map(([key, value]) => [`shopzier:${key}`, value] as const);
  return runProgram(Object.fromEntries(entries), { stack: "dev" });
}

/** Faults that an edit may have in one `up`, since they are said before it with the way in two edits. */
const SAID: readonly FaultKind[] = ["refused", "let in", "overload"];
/** A limit of a rule goes with the rule's name: requests of a removed rule are not limited until the gateways have the new routes. */
const LEFT: readonly FaultKind[] = ["unlimited"];

export interface Checked {
  /** What nobody says of an edit, in words. */
  readonly unsaid: readonly string[];
  /** Kind → number of edits. */
  readonly found: Readonly<Partial<Record<FaultKind, number>>>;
}

/** Each of some edits through the prover. */
export async function checkEdits(sample: readonly GeneratedEdit[]): Promise<Checked> {
  const unsaid: string[] = [];
  const found: Partial<Record<FaultKind, number>> = {};
  const { stackTraceLimit } = Error;
  // Pulumi notes a stack for every promise, which takes most of the time.
  Error.stackTraceLimit = 0;
  try {
    for (const { before, after, changed } of sample) {
      const proof = await proofOf(before, after);
      runs.clear();
      for (const fault of proof.faults) {
        found[fault.kind] = (found[fault.kind] ?? 0) + 1;
        if (LEFT.includes(fault.kind)) continue;
        if (SAID.includes(fault.kind) && proof.twoSteps(fault)) continue;
        unsaid.push(JSON.stringify({ changed, ...fault, before, after }));
      }
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return { unsaid, found };
}
