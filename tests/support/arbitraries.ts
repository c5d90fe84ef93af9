import fc from "fast-check";
import type { Weights } from "../../components/traffic/weights";

/** A version name: a DNS label. */
export const versionName = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/);

/** Valid weights: one to five versions, two decimals, sum 100, sometimes one "rest". */
export const weights: fc.Arbitrary<Weights> = fc
  .uniqueArray(versionName, { minLength: 1, maxLength: 5 })
  .chain((versions) =>
    fc.record({
      versions: fc.constant(versions),
      cuts: fc.array(fc.integer({ min: 0, max: 10_000 }), {
        minLength: versions.length - 1,
        maxLength: versions.length - 1,
      }),
      rest: fc.option(fc.nat(versions.length - 1), { nil: undefined }),
    }),
  )
  .map(({ versions, cuts, rest }) => {
    const edges = [0, ...cuts.sort((a, b) => a - b), 10_000];
    return Object.fromEntries(
      versions.map((version, i) => [
        version,
        i === rest ? "rest" : ((edges[i + 1] ?? 0) - (edges[i] ?? 0)) / 100,
      ]),
    );
  });
