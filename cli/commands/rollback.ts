/** `shopzier rollback`: back to the weights from before the running or last shift. */
import type { Command } from "commander";
import { Option } from "commander";
import { effectiveShares, type Weights } from "../../components/traffic/weights";
import { counted } from "../diff/words";
import { readMark, type ShiftMark } from "../../components/traffic/shift-mark";
import { sameVersions, splitWords } from "../shift/step-weights";
import { liveShares, type VirtualServiceObject } from "../shift/written-route";
import { LiveRoutes } from "../sources/live-route";
import { SourceError } from "../sources/source-error";
import { StackSite } from "../sources/stack-site";

interface Options {
  readonly cwd: string;
  readonly stack?: string;
  readonly virtualService?: string;
  readonly now?: true;
  readonly kubeconfig?: string;
  readonly context?: string;
}

export const rollbackCommand = (program: Command): Command =>
  program
    .command("rollback")
    .description("go back to the weights from before the running or last shift")
    .addOption(new Option("--now", "set the route first through the cluster's API, then run pulumi up"))
    .addOption(new Option("--stack <name>", "of the Pulumi program"))
    .addOption(new Option("--virtual-service <name>", "namespace/name, where several had a shift"))
    .addOption(new Option("--kubeconfig <file>", "of the cluster (default: the stack's, else as kubectl)"))
    .addOption(new Option("--context <name>", "of the kubeconfig (default: the stack's)"))
    .addOption(new Option("-C, --cwd <folder>", "of the Pulumi program").default("."))
    .action(async (options: Options) => {
      const site = StackSite.open(options.cwd, options.stack);
      const routes = LiveRoutes.connect(site.cluster(options));
      const { object, mark } = await markedRoute(site, routes, options.virtualService);
      const written = site.weights();
      await refuseWhatIsGone(routes, object, mark.before, written);
      const before = effectiveShares(mark.before);
      const split = splitWords(before);
      console.log(`Back to ${split}: from before the shift of ${mark.version} that began at ${mark.at}.`);
      site.write(mark.before);
      if (options.now) console.log(await setFirst(site, routes, object, mark));
      const known = [effectiveShares(written), liveShares(object, mark.version)];
      const alone = known.every((shares) => sameVersions(shares, before));
      const end = await site.up(alone ? "routes" : "all", console.log);
      if (!end.ok) throw new SourceError(`pulumi up failed: ${end.words}`);
      await routes.mark(object, { ...mark, ended: "went back" });
      console.log("Every gateway has it.");
    });

/** @returns what became of it, in words. The file has the weights already, so that `up` must follow in any case. */
async function setFirst(
  site: StackSite,
  routes: LiveRoutes,
  object: VirtualServiceObject,
  { version, before }: ShiftMark,
): Promise<string> {
  try {
    const set = await site.setRoute(routes, object, version, before);
    return set
      ? "The route is set. Pulumi follows."
      : "Pulumi does not apply this route server-side: by up alone.";
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return `The route is not set: ${error.message}\nPulumi follows.`;
  }
}

async function markedRoute(
  { stack, project }: StackSite,
  routes: LiveRoutes,
  named: string | undefined,
): Promise<{ readonly object: VirtualServiceObject; readonly mark: ShiftMark }> {
  const found = (await routes.marked(stack, project.name)).flatMap((object) => {
    const mark = readMark(object.metadata.annotations);
    const name = `${object.metadata.namespace}/${object.metadata.name}`;
    return mark && (named ?? name) === name ? [{ object, mark, name }] : [];
  });
  const [only, ...more] = found;
  if (!only) {
    throw new SourceError(
      `No VirtualService of stack ${stack} has the mark of a shift, so that there are no weights from before.\n` +
        "  repair:  edit the weights in the stack file, and run pulumi up",
    );
  }
  if (more.length > 0) {
    const names = found.map(({ name }) => name);
    throw new SourceError(`${names.join(" and ")} had a shift. Name one: --virtual-service ${only.name}`);
  }
  return only;
}

/** @throws SourceError where a version that would get requests is no longer declared, or has no pods. */
async function refuseWhatIsGone(
  routes: LiveRoutes,
  object: VirtualServiceObject,
  before: Weights,
  written: Weights,
): Promise<void> {
  const versions = Object.entries(effectiveShares(before))
    .filter(([, share]) => share > 0)
    .map(([version]) => version);
  const undeclared = Object.keys(before).filter((version) => !(version in written));
  const added = Object.keys(written).filter((version) => !(version in before));
  if (undeclared.length + added.length > 0) {
    const gone = undeclared.length > 0 ? [`${undeclared.join(", ")} is gone`] : [];
    const more = added.length > 0 ? [`${added.join(", ")} is new`] : [];
    throw new SourceError(
      `The versions are not those from before the shift (${splitWords(effectiveShares(before))}): ${[...gone, ...more].join(", ")}.\n` +
        "  repair:  edit the weights and versions in the stack file, and run pulumi up",
    );
  }
  const pods = await Promise.all(
    versions.map(async (version) => ({ version, pods: await routes.pods(object, version) })),
  );
  for (const { version, pods: found } of pods) {
    if (found === undefined) console.log(`${version}: found no Deployment, so its pods are not known.`);
    if (found === undefined || found.ready >= found.wanted) continue;
    const words = `${version} has ${found.ready} of ${counted(found.wanted, "pod")} ready`;
    if (found.ready === 0)
      throw new SourceError(
        `${words}: it cannot take requests.\n  repair:  start its pods, then run this again`,
      );
    console.log(`${words}.`);
  }
}
