/** `shopzier shift --propose`: the next step of a shift as a pull request, for teams that shift by review. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { sameSplit } from "../../components/observability/route-split";
import type { ShiftMark } from "../../components/traffic/shift-mark";
import { effectiveShares, type Shares, type Weights } from "../../components/traffic/weights";
import { comparisons } from "../commands/sides";
import { diff } from "../diff/diff";
import { number } from "../diff/words";
import { markdown } from "../report/markdown";
import { withWeights } from "../shift/stack-weights";
import { splitWords } from "../shift/step-weights";
import { SourceError } from "../sources/source-error";
import type { StackSite } from "../sources/stack-site";
import { ProposalBranch } from "./branch";
import { requestsOf, type ChangeRequest, type Requests } from "./requests";

/**
 * The weights that are in the file and in the cluster: the evidence counts from their deployment.
 *
 * @throws SourceError where they differ: a step that was merged is still to be deployed.
 */
export function deployed(site: StackSite, live: Shares): Weights {
  const written = site.weights();
  const shares = effectiveShares(written);
  if (sameSplit(shares, live)) return written;
  throw new SourceError(
    `--propose: found ${splitWords(shares)} in ${path.basename(site.file)} and ${splitWords(live)} on the route\n  allowed: the same in both\n  repair:  deploy the branch (pulumi up), then run this again`,
  );
}

/** Whether the way back is proposed and not deployed yet. */
export const isGoingBack = (mark: ShiftMark | undefined, version: string, live: Shares): boolean =>
  mark?.version === version &&
  mark.ended === "went back" &&
  (live[version] ?? 0) > (effectiveShares(mark.before)[version] ?? 0);

export interface ProposedStep {
  readonly version: string;
  readonly way: "on" | "back";
  readonly weights: Weights;
  /** Now. */
  readonly from: Shares;
  readonly why: string;
}

type ReportOf = (site: StackSite, commit: string) => Promise<string>;

/** What the commit does to requests, as Markdown. */
async function reportOf({ folder, stack }: StackSite, commit: string): Promise<string> {
  const sides = { cwd: folder, from: "HEAD", to: commit, stack: [stack] };
  return (await comparisons(undefined, undefined, sides)).map((one) => markdown(diff(one))).join("\n");
}

/** Opens and updates the one request of a shift: each step of it has the same branch. */
export class Proposals {
  private constructor(
    private readonly site: StackSite,
    private readonly branch: ProposalBranch,
    private readonly requests: Requests,
    private readonly report: ReportOf,
  ) {}

  /** @throws SourceError where no request could be opened: before the wait for a verdict, not after it. */
  static async open(site: StackSite, env = process.env, report: ReportOf = reportOf): Promise<Proposals> {
    const branch = await ProposalBranch.open(site.file, env);
    return new Proposals(site, branch, requestsOf(branch.base.address, env), report);
  }

  /** @returns what was done, with the address of the request. */
  async propose(step: ProposedStep): Promise<string> {
    const { site, branch, requests } = this;
    const { version } = step;
    const name = path.basename(site.file);
    const text = withWeights(readFileSync(site.file, "utf8"), site.project.name, name, step.weights);
    const title = titleOf(step, site.stack);
    const own = `shopzier/shift-${site.stack}-${version}`;
    const trailer = `Shopzier-Shift: ${site.stack} ${version}`;
    const commit = await branch.push({ branch: own, message: `${title}\n\n${step.why}`, trailer, text });
    const report = await this.report(site, commit);
    const change = { branch: own, base: branch.base.branch, title, body: body(step, report) };
    const { address, isNew } = await requests.propose(change);
    return `${title}: ${address}${isNew ? "" : " (updated)"}`;
  }
}

function titleOf({ version, way, weights, from }: ProposedStep, stack: string): string {
  const shares = [from, effectiveShares(weights)].map((one) => `${number(one[version] ?? 0)} %`);
  return way === "on"
    ? `Shift ${version} from ${shares.join(" to ")} (${stack})`
    : `Take ${version} back from ${shares.join(" to ")} (${stack})`;
}

function body({ version, way, weights, from, why }: ProposedStep, report: string): ChangeRequest["body"] {
  const to = effectiveShares(weights);
  const rows = Object.keys({ ...from, ...to }).map(
    (name) => `| ${name} | ${number(from[name] ?? 0)} % | ${number(to[name] ?? 0)} % |`,
  );
  return [
    way === "on" ? `The next step of the shift of ${version}.` : `**${version} is to go back.**`,
    why,
    ["| version | now | proposed |", "| --- | --- | --- |", ...rows].join("\n"),
    report,
    "<sub>By `shopzier shift --propose`. Running it again brings this request up to date; the evidence of the next step counts from the deployment of this one.</sub>",
  ].join("\n\n");
}
