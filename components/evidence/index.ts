/**
 * Evidence about a version from counts of its requests: counts in, verdict out. Pure: plain data in, plain data out.
 *
 * {@link increase} makes counts of counters, {@link observe} adds them to the evidence, {@link judge} says what follows, {@link planShift} how
 * long it takes. docs/evidence.md has the method and what it guarantees.
 */
export {
  increase,
  type Batch,
  type Count,
  type Counts,
  type Increase,
  type Reading,
  type Shares,
} from "./counts";
export {
  begin,
  DEFAULT_ALPHA,
  observe,
  type Criterion,
  type Evidence,
  type EvidenceSettings,
} from "./evidence";
export type { CriterionEvidence, Tally } from "./evidence";
export type { TestMartingale } from "./test-martingale";
export {
  judge,
  type Finding,
  type Forecast,
  type GoodEnough,
  type Inconclusive,
  type Strength,
} from "./verdict";
export type { Verdict, Worse } from "./verdict";
export { planShift, stepsTo, type Needs, type PlanSettings, type ShiftPlan, type StepPlan } from "./plan";
