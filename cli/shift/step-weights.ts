/** The weights of a step: one version gets a share, the others keep their proportions. */
import { effectiveShares, type Shares, type Weights } from "../../components/traffic/weights";

/**
 * `weights` with `version` at `share` percent. The others share what is left as before, to a hundredth of a percent. A version that had
 * "rest" still has it, so that the next edit of a person changes one number as this one does.
 *
 * @throws RangeError for a version without a weight, and where no other version had requests.
 */
export function weightsAt(weights: Weights, version: string, share: number): Weights {
  const shares = effectiveShares(weights);
  const others = Object.keys(shares).filter((other) => other !== version);
  const sum = others.reduce((all, other) => all + (shares[other] ?? 0), 0);
  if (!(version in shares)) throw new RangeError(`${version} has no weight`);
  if (sum === 0 && share < 100) throw new RangeError(`${version} has all requests`);
  const left = 100 - share;
  const scaled = Object.fromEntries(
    others.map((other) => [other, sum === 0 ? 0 : hundredths((left * (shares[other] ?? 0)) / sum)]),
  );
  // What rounding leaves goes to the largest.
  const [largest = ""] = [...others].sort((a, b) => (shares[b] ?? 0) - (shares[a] ?? 0));
  const rounded = Object.values(scaled).reduce((all, one) => all + one, 0);
  scaled[largest] = hundredths((scaled[largest] ?? 0) + left - rounded);
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [
      name,
      weight === "rest" ? weight : name === version ? share : (scaled[name] ?? 0),
    ]),
  );
}

/**
 * Whether the same versions get requests. Where others do, resources depend on each other in another order, and an `up` of some targets
 * alone ends in "Duplicate resource URN" (Pulumi 3.246): the whole stack is updated then.
 */
export const sameVersions = (a: Shares, b: Shares): boolean =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].every(
    (version) => (a[version] ?? 0) > 0 === (b[version] ?? 0) > 0,
  );

/** "v1 75, v2 25" */
export const splitWords = (shares: Shares): string =>
  Object.entries(shares)
    .map(([version, share]) => `${version} ${hundredths(share)}`)
    .join(", ");

const hundredths = (value: number): number => Math.round(value * 100) / 100;
