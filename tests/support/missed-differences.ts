/** What random requests find of the differences between two sides, and derived ones do not. */
import fc from "fast-check";
import { derive, keyOf } from "../../cli/requests/derive";
import { changeKind } from "../../cli/requests/outcomes";
import { plansOf, proxyPairs } from "../../cli/requests/proxies";
import type { Side } from "../../cli/side";
import { compile, type SimulatedRequest } from "../../components/simulator";
import { HOST } from "./request-sides";
import { simulatedRequest } from "./traffic-arbitraries";

export interface Missed {
  readonly pair: number;
  /** Kind, and who decides before and after. */
  readonly difference: string;
  readonly request: SimulatedRequest;
}

/** Of `count` random requests for each pair of sides. */
export function missedDifferences(
  pairs: readonly (readonly [Side, Side])[],
  count: number,
  seed: number,
): { readonly missed: readonly Missed[]; readonly differences: number } {
  const missed: Missed[] = [];
  let differences = 0;
  for (const [i, [before, after]] of pairs.entries()) {
    for (const pair of proxyPairs(before, after)) {
      const derived = new Set(derive(pair).differences.map((one) => keyOf(one.before, one.after)));
      const [decideBefore, decideAfter] = plansOf(pair).map(compile) as [
        ReturnType<typeof compile>,
        ReturnType<typeof compile>,
      ];
      const found = new Set<string>();
      for (const request of fc.sample(fc.noBias(simulatedRequest(HOST)), {
        numRuns: count,
        seed: seed + i,
      })) {
        const [old, next] = [decideBefore(request), decideAfter(request)];
        if (changeKind(old, next) === undefined) continue;
        const key = keyOf(old, next);
        if (!found.has(key) && !derived.has(key)) missed.push({ pair: i, difference: key, request });
        found.add(key);
      }
      differences += found.size;
    }
  }
  return { missed, differences };
}
