/** The risks of an edit of routes that the edit itself shows. */
import type { RouteChange, ShareChange } from "./route-change";

/** Annotation of a VirtualService: the points by which the share of a version may rise in one edit. */
export const MAX_STEP = "shopzier-mesh/max-step";

export interface StepLimit {
  /**
   * Points of percent by which the share of a version may rise in one edit, above 0 and at most 100. A preview warns of
   * larger steps, and nothing refuses them. It is written as annotation {@link MAX_STEP}. Default: any number.
   */
  readonly maxStep?: number;
}

/**
 * The annotations of a VirtualService for a limit.
 *
 * @throws RangeError if the limit is not above 0 and at most 100.
 */
export function stepAnnotations({ maxStep }: StepLimit): Record<string, string> | undefined {
  if (maxStep === undefined) return undefined;
  if (!(maxStep > 0 && maxStep <= 100))
    throw new RangeError(`maxStep is ${maxStep}; it must be above 0 and at most 100`);
  return { [MAX_STEP]: String(maxStep) };
}

/** The limit in the annotations of a VirtualService. Undefined: none, or no number. */
export function writtenMaxStep(
  annotations: Readonly<Record<string, string>> | undefined,
): number | undefined {
  const limit = Number(annotations?.[MAX_STEP] ?? NaN);
  return Number.isNaN(limit) ? undefined : limit;
}

export interface RouteRiskContext extends StepLimit {
  /** Version → lowest number of its pods after the edit. Default: not known, and no risk. */
  readonly pods?: ReadonlyMap<string, number>;
  /** Versions whose pods get another image in the same edit. Default: none. */
  readonly newImages?: ReadonlySet<string>;
}

/** A share that rises; both percentages are known. */
export interface Rise {
  readonly to: string;
  readonly before: number;
  readonly after: number;
}

/** The shares of a rule that rise. */
export function rises(change: RouteChange): Rise[] {
  if (change.kind !== "changed") return [];
  return change.shares.filter(
    (share): share is ShareChange & Rise =>
      share.before !== undefined && share.after !== undefined && share.after > share.before,
  );
}

/**
 * Whether a share rises by more than `maxStep` points. A version that had at least half of the requests may rise by any number: that
 * is the way back from a canary.
 */
export const isLargeStep = (before: number, after: number, maxStep: number): boolean =>
  before < 50 && after - before > maxStep + 1e-9;

/** In how many steps a share rises, none of which is larger than `maxStep` points. */
export const stepsWithin = (before: number, after: number, maxStep: number): number =>
  Math.ceil((after - before) / maxStep - 1e-9);

/** The rises of a rule by more than `maxStep` points. */
export const largeSteps = (change: RouteChange, maxStep: number): Rise[] =>
  rises(change).filter(({ before, after }) => isLargeStep(before, after, maxStep));

/** A line for each risk. */
export function routeRisks(changes: readonly RouteChange[], context: RouteRiskContext): string[] {
  const { maxStep, pods, newImages } = context;
  const found = changes.flatMap((change) => [
    ...(change.kind === "removed"
      ? [`rule ${change.rule} is removed: its requests go by the rules after it`]
      : []),
    ...(maxStep === undefined ? [] : largeSteps(change, maxStep)).map(
      (rise) =>
        `${rise.to} rises by ${points(rise)} points and maxStep allows ${maxStep ?? 0}: ` +
        `raise it in ${stepsWithin(rise.before, rise.after, maxStep ?? 1)} steps, or set maxStep`,
    ),
    ...rises(change)
      .filter(({ to }) => (pods?.size ?? 0) > 0 && (pods?.get(to) ?? 0) === 0)
      .map(
        ({ to, after }) =>
          `${to} gets ${after} % of the requests and has no pods in this program: without pods they get 503`,
      ),
    ...rises(change)
      .filter(({ to }) => newImages?.has(to))
      .map(({ to }) => imageRisk(to)),
  ]);
  return [...new Set(found)];
}

export const imageRisk = (version: string): string =>
  `${version} gets another image and more requests in one edit: change the image first, then the weight`;

const points = ({ before, after }: Rise): number => Number((after - before).toFixed(2));
