/** Whether the measured shares are those that are in force: a test that one may look at any time. Pure. */
import {
  bets,
  logSpaced,
  redeal,
  untested,
  update,
  type TestMartingale,
} from "../../components/evidence/test-martingale";
import type { Counts, Shares } from "../../components/evidence";

/** Envoy draws the version of each request. With odds less than 1.1 times off nothing is found, however long one looks. */
const OFF = bets([...logSpaced(1.1, 20, 16), ...logSpaced(1 / 20, 1 / 1.1, 16)], 0.05);
/** A part that is dealt anew after each batch, since a version may lose its pods at any time. */
const REDEALT = 1 / 100;
/** The most capital above what a finding takes, so that it ends soon after its reason. */
const SPARE = 3;
/** A version without a share may still end requests of before; one with all of them, too. */
const LEAST = 0.001;

/** The probability that shares that are right are ever called wrong, at most, until the shares change. */
export const SHARE_ALPHA = 0.01;

/** Version → what is known. Plain data. */
export type ShareTest = Readonly<Record<string, TestMartingale>>;

/** @param counts requests of a batch during which `shares` were in force, by any one criterion. */
export function testShares(test: ShareTest, shares: Shares, counts: Counts, criterion: string): ShareTest {
  const versions = [...new Set([...Object.keys(shares), ...Object.keys(counts)])];
  const requests = (version: string): number => counts[version]?.[criterion]?.of ?? 0;
  const all = versions.reduce((sum, version) => sum + requests(version), 0);
  const most = Math.log(evidenceNeeded(versions.length)) + SPARE;
  return Object.fromEntries(
    versions.map((version) => {
      const chance = Math.min(1 - LEAST, Math.max(LEAST, (shares[version] ?? 0) / 100));
      const before = redeal(test[version] ?? untested(OFF), OFF, REDEALT);
      const after = update(before, OFF, { heads: requests(version), of: all, chance });
      return [version, { ...after, log: Math.min(after.log, most) }];
    }),
  );
}

/** Versions whose measured share is not the one in force. */
export const versionsOff = (test: ShareTest): string[] => {
  const versions = Object.keys(test);
  const log = Math.log(evidenceNeeded(versions.length));
  return versions.filter((version) => (test[version]?.log ?? 0) >= log);
};

const evidenceNeeded = (versions: number): number => versions / SHARE_ALPHA;
