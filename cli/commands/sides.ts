/** How a command line names what is compared. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { isExactPercent, PERCENT_DECIMALS } from "../../components/traffic/percent";
import { placeInRepository } from "../sources/git-ref";
import { fromCluster } from "../sources/live";
import { fromManifests } from "../sources/manifests";
import { fromPreview } from "../sources/preview";
import { fromProgram } from "../sources/program";
import { stacksIn } from "../sources/pulumi-project";
import { SourceError } from "../sources/source-error";
import type { Comparison, Side } from "../side";

export interface SideOptions {
  readonly cwd: string;
  readonly from?: string;
  readonly to?: string;
  readonly stack?: readonly string[];
  readonly preview?: true;
  readonly digest?: string;
  readonly live?: true;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly install?: true;
  readonly prometheus?: string;
}

/** The options of every command that compares. */
export const withSides = (command: Command): Command =>
  command
    .argument("[before]", "manifests: a file, a folder, or - for standard input")
    .argument("[after]", "manifests of the other side")
    .addOption(new Option("--from <ref>", "git ref whose program is the side before"))
    .addOption(
      new Option("--to <ref>", "git ref whose program is the side after (default: the working tree)"),
    )
    .addOption(new Option("--stack <name...>", "stacks of the program (default: every Pulumi.<stack>.yaml)"))
    .addOption(new Option("--preview", "both sides from `pulumi preview` of the stack"))
    .addOption(new Option("--digest <file>", "both sides from the output of `pulumi preview --json`"))
    .addOption(new Option("--live", "the side before is the cluster as it is"))
    .addOption(new Option("--kubeconfig <file>", "of the cluster (default: as kubectl)"))
    .addOption(new Option("--context <name>", "of the kubeconfig"))
    .addOption(new Option("--install", "runs `npm ci` for a git ref with another lock file"))
    .addOption(new Option("-C, --cwd <folder>", "of the Pulumi program").default("."));

/**
 * What is to be compared, in the order of the stacks.
 *
 * @throws SourceError where nothing is named, where two ways are mixed, and where a side cannot be read.
 */
export function comparisons(
  before: string | undefined,
  after: string | undefined,
  options: SideOptions,
): Promise<Comparison[]> {
  const { from, to, preview, digest, live, prometheus } = options;
  const ways = [
    from !== undefined || to !== undefined ? "--from and --to" : "",
    preview ? "--preview" : "",
    digest === undefined ? "" : "--digest",
    live ? "--live" : "",
    before === undefined ? "" : "manifests",
  ].filter((way) => way !== "");
  if (ways.length > 1 && !(live && ways.length === 2 && ways.includes("manifests"))) {
    throw new SourceError(`${ways.join(" and ")} are ways of their own. Give one of them.\n${WAYS}`);
  }
  const asked = live ?? prometheus;
  if (asked === undefined && (options.kubeconfig !== undefined || options.context !== undefined)) {
    throw new SourceError(
      "--kubeconfig and --context name the cluster of --live or --prometheus, which are not given.",
    );
  }
  if (options.install && from === undefined && to === undefined) {
    throw new SourceError("--install is for a git ref: --from or --to, which is not given.");
  }
  if (live && after !== undefined) {
    throw new SourceError("--live is a side: give one path of manifests, or none for the program.");
  }
  if (live) return againstCluster(before, options);
  if (preview || digest !== undefined) return ofPreview(options);
  if (from !== undefined || to !== undefined) return ofPrograms(from ?? "HEAD", options);
  if (before === undefined || after === undefined) throw new SourceError(`Nothing to compare.\n${WAYS}`);
  return ofManifests(before, after);
}

const WAYS = `  shopzier diff before.yaml after.yaml     manifests: files, folders, or -
  shopzier diff --from origin/main         the program at a git ref, against the working tree
  shopzier diff --preview --stack prod     \`pulumi preview\` of a stack
  shopzier diff --live --stack prod        the cluster as it is, against the program`;

async function ofManifests(before: string, after: string): Promise<Comparison[]> {
  // Standard input can be read once.
  if (before === "-" && after === "-") throw new SourceError("Only one side can be standard input (-).");
  const [old, now] = await Promise.all([fromManifests([before]), fromManifests([after])]);
  return [{ title: after === "-" ? before : after, before: old, after: now }];
}

async function ofPrograms(from: string, { cwd, to, stack, install }: SideOptions): Promise<Comparison[]> {
  const stacks = stack ?? stacksIn(cwd);
  if (stacks.length === 0) {
    throw new SourceError(
      `${cwd} has no stack files (Pulumi.<stack>.yaml). Name the folder of the program: -C folder`,
    );
  }
  const side = (ref: string | undefined, name: string): Promise<Side> =>
    fromProgram({ folder: cwd, stack: name, ...(ref !== undefined && { ref }), ...(install && { install }) });
  // Two programs of one repository may have stacks of one name, and a pull request has a comment for each.
  const place = await placeInRepository(cwd);
  const found: Comparison[] = [];
  for (const name of stacks) found.push(await both(place + name, [from, to], (ref) => side(ref, name)));
  return found;
}

/** A program that fails on one side still has a report, which says so first. */
async function both(
  title: string,
  [from, to]: readonly [string, string | undefined],
  side: (ref: string | undefined) => Promise<Side>,
): Promise<Comparison> {
  const failures: SourceError[] = [];
  const readable = async (ref: string | undefined): Promise<Side | undefined> => {
    try {
      return await side(ref);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      failures.push(error);
      return undefined;
    }
  };
  const [before, after] = await Promise.all([readable(from), readable(to)]);
  if (before && after) {
    const nothing = before.objects.length + after.objects.length === 0;
    const reasons = [...new Set([...before.notShown, ...after.notShown])];
    if (nothing && reasons.length > 0) throw new SourceError(reasons.join("\n"));
    return { title, before, after };
  }
  // One side alone would say that everything is made, or that everything is deleted.
  const known = before ?? after;
  const as = (name: string): Side => ({ title: name, objects: known?.objects ?? [], notShown: [] });
  const error = failures.map(({ message }) => message).join("\n\n");
  return { title, before: as(from), after: as(to ?? "the working tree"), error };
}

async function ofPreview({ cwd, stack, digest }: SideOptions): Promise<Comparison[]> {
  if (digest !== undefined) return [await fromPreview({ folder: cwd, digestFile: digest })];
  const found: Comparison[] = [];
  for (const name of stack ?? [undefined]) {
    found.push(await fromPreview({ folder: cwd, ...(name !== undefined && { stack: name }) }));
  }
  return found;
}

async function againstCluster(manifests: string | undefined, options: SideOptions): Promise<Comparison[]> {
  const { cwd, stack, kubeconfig, context } = options;
  const cluster = async (title: string, after: Side): Promise<Comparison> => ({
    title,
    before: await fromCluster({
      against: after,
      ...(kubeconfig !== undefined && { kubeconfig }),
      ...(context !== undefined && { context }),
    }),
    after,
  });
  if (manifests !== undefined) return [await cluster(manifests, await fromManifests([manifests]))];
  const [only, ...others] = stack ?? stacksIn(cwd);
  if (only === undefined || others.length > 0) {
    const names = [only, ...others].filter((name) => name !== undefined);
    throw new SourceError(`A cluster has one stack. Name it: --stack ${names.join(" or --stack ")}`);
  }
  return [await cluster(only, await fromProgram({ folder: cwd, stack: only }))];
}

export interface OneSideOptions {
  readonly cwd: string;
  readonly file?: readonly string[];
  readonly ref?: string;
  readonly stack?: string;
}

/** The options of every command that reads one side. */
export const withOneSide = (command: Command): Command =>
  command
    .addOption(new Option("--file <path...>", "manifests: files, folders, or - for standard input"))
    .addOption(new Option("--stack <name>", "of the Pulumi program"))
    .addOption(new Option("--ref <ref>", "git ref of the program (default: the working tree)"))
    .addOption(new Option("-C, --cwd <folder>", "of the Pulumi program").default("."));

/** @throws SourceError where no side is named, and where it cannot be read. */
export function sideOf({ cwd, file, ref, stack }: OneSideOptions): Promise<Side> {
  if (file) return fromManifests(file);
  const stacks = stacksIn(cwd);
  const only = stack ?? (stacks.length === 1 ? stacks[0] : undefined);
  if (only === undefined) {
    const names = stacks.length > 0 ? `one of ${stacks.join(", ")}` : "in a folder with Pulumi.yaml";
    throw new SourceError(
      `Nothing to read. Name a stack, ${names}: --stack name. Or manifests: --file path.`,
    );
  }
  return fromProgram({ folder: cwd, stack: only, ...(ref !== undefined && { ref }) });
}

/** Of a weight: above 0, at most 100, as exact as a weight can be. */
export function share(text: string): number {
  const value = positive(text);
  if (value > 100) throw new InvalidArgumentError("At most 100 is allowed.");
  if (!isExactPercent(value))
    throw new InvalidArgumentError(`At most ${PERCENT_DECIMALS} decimals are allowed, as in a weight.`);
  return value;
}

/** In percent, above 0 and below 100: no counts show that every request to come is good. */
export function objective(text: string): number {
  const value = positive(text);
  if (value >= 100)
    throw new InvalidArgumentError("A number below 100 is allowed, such as 99.9: no counts can show 100.");
  return value;
}

/** A number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError("A number above 0 is allowed.");
  return value;
}
