import fs from "node:fs";
import path from "node:path";
import { debianMirror, installPackages } from "./apt";
import { endBackgroundBuild, startBackgroundBuild } from "./background";
import { contentHash, hashFolder, sweepCache } from "./cache";
import { Fault } from "./fault";
import { folders, shown } from "./folders";
import { hasBaseImage, type ImageArchive, type ImageArchives, Images } from "./images";
import { takeLock } from "./lock";
import {
  findNode,
  importImage,
  isHealthy,
  kubectl,
  markReady,
  startKubernetes,
  startNode,
  stopNode,
} from "./node";
import { type Content, NodeContents } from "./node-contents";
import { isObserved, observe } from "./observability";
import type { Scope } from "./programs";
import { checkMachine } from "./requirements";
import { stackOutputs, updateStack } from "./stack";
import { type Report, runSteps, type Step } from "./steps";
import { Toolchain } from "./toolchain";
import { measureSplit, observabilityAddresses, splitSummary } from "./traffic";

const requests = 1000;
const contents = new NodeContents(path.join(folders.run, "contents.json"));

/** Starts the lab or updates it from any state, until real traffic splits as stack `lab` says; then starts to build the rest. */
export async function up(asked: Scope): Promise<void> {
  const scope = isObserved() || hasAll() ? "all" : asked;
  let summary = "";
  const { toolchain, steps } = await labSteps("up", scope);
  await runSteps([
    ...steps,
    {
      name: "traffic",
      async run(report) {
        report(`${requests} requests through the gateway`);
        summary = await measure();
      },
    },
  ]);
  console.log(summary);
  console.log(isObserved() ? observabilityAddresses : await rest(toolchain(), scope));
}

/** Adds to the lab, which it starts or updates, what observes it; then to its stack. */
export async function observability(): Promise<void> {
  const { steps } = await labSteps("observability", "all", observe);
  await runSteps(steps);
  console.log(
    `\nPulumi.lab.yaml has Prometheus and Jaeger now. NetworkPolicies are enforced.\n${observabilityAddresses}`,
  );
}

/** Whether the lab runs with all that `observability` adds. It keeps that. */
function hasAll(): boolean {
  return findNode() !== undefined && fs.existsSync(path.join(folders.bin, "calico-felix"));
}

/** What is left to add; starts to build it if it is not built. */
async function rest(toolchain: Toolchain, scope: Scope): Promise<string> {
  const left = new Images(toolchain).missingPrograms("all");
  if (left.length > 0) await startBackgroundBuild();
  return [
    "`make observability` adds Prometheus and Jaeger to the stack file, and runs `pulumi up`.",
    ...(scope === "all"
      ? []
      : ["Until then the lab does not enforce NetworkPolicies, and has no istioctl and promtool."]),
    ...(left.length > 0
      ? [
          `What it needs is now being built in the background: ${left.join(", ")} (npm run lab -- logs background).`,
          "It need not wait for that: it goes on from where the background is, at full speed.",
        ]
      : []),
  ].join("\n");
}

/** The steps of `command` until `pulumi up` has ended. `edit` changes the stack file before that. */
async function labSteps(
  command: string,
  scope: Scope,
  edit?: () => void,
): Promise<{ readonly steps: readonly Step[]; readonly toolchain: () => Toolchain }> {
  await takeLock(command);
  let toolchain: Toolchain;
  let images: ImageArchives;
  let isNew = false;
  const undo = async (): Promise<void> => {
    if (isNew) await stopNode();
  };
  const steps: readonly Step[] = [
    {
      name: "requirements",
      async run(report) {
        const machine = await checkMachine();
        await installPackages(machine.missingPackages, report);
        const node = findNode();
        if (node && node.checkout !== folders.checkout)
          throw new Fault(
            `The lab of ${node.checkout} is up, and a machine has room for one: make down first.`,
          );
        if (await endBackgroundBuild()) report("taking over what was being built in the background");
        if (!node) fs.rmSync(folders.logs, { recursive: true, force: true });
        sweepCache();
        // Fails here rather than after the programs are built.
        if (!hasBaseImage()) await debianMirror(report);
      },
    },
    {
      name: "programs",
      async run(report) {
        toolchain = await Toolchain.find();
        await new Images(toolchain).buildPrograms(scope, report);
      },
    },
    {
      name: "images",
      async run(report) {
        images = await new Images(toolchain).build(scope, report);
        await toolchain.link(scope);
      },
    },
    {
      name: "node",
      async run(report) {
        if (
          (await isHealthy()) &&
          contents.has([nodeItself(toolchain), ...images.controlPlane, ...images.others])
        ) {
          report("it runs already");
          return;
        }
        isNew = true;
        await stopNode();
        await startNode(await toolchain.calicoDefinitions());
      },
      undo,
    },
    {
      name: "Kubernetes",
      async run(report) {
        if (isNew) await startCluster(nodeItself(toolchain), images, report);
        else await refresh(images, report);
      },
      undo,
    },
    {
      name: "pulumi up",
      async run(report) {
        edit?.();
        await updateStack(toolchain, report);
      },
    },
  ];
  return { steps, toolchain: () => toolchain };
}

/** Stops the lab; only the cache and the logs stay. */
export async function down(): Promise<void> {
  await takeLock("down");
  await endBackgroundBuild();
  const node = findNode();
  await runSteps([{ name: "end the node", run: stopNode }]);
  console.log(
    node ? "The lab is down. Programs and images stay in the cache (make clean)." : "The lab was not up.",
  );
}

/** Removes the cache. Throws a Fault if the lab is up. */
export async function clean(): Promise<void> {
  await takeLock("clean");
  if (findNode()) throw new Fault("The lab is up and uses the cache: make down first.");
  await endBackgroundBuild();
  for (const folder of [folders.cache, folders.state]) {
    fs.rmSync(folder, { recursive: true, force: true });
    console.log(`removed ${shown(folder)}`);
  }
}

async function startCluster(node: Content, images: ImageArchives, report: Report): Promise<void> {
  const load = (archives: readonly ImageArchive[]): Promise<unknown> =>
    Promise.all(archives.map(({ file }) => importImage(file)));
  const later = [...images.others, ...images.observability, images.category, images.database];
  report("loading images");
  await load(images.controlPlane);
  // The other images are loaded before kubeadm needs the first of them.
  await Promise.all([startKubernetes(report), load(later)]);
  contents.remember([node, ...images.controlPlane, ...later]);
  markReady();
}

/**
 * Loads added images, and changed ones of the category service, into a running cluster, and replaces the pods with the old image. It does not
 * wait until the new pods are ready, since they may need the `pulumi up` that follows.
 */
async function refresh(
  { category: image, database, observability }: ImageArchives,
  report: Report,
): Promise<void> {
  for (const added of [database, ...observability].filter((one) => !contents.has([one]))) {
    report(`loading ${added.reference}`);
    await importImage(added.file);
    contents.remember([added]);
  }
  if (contents.has([image])) return;
  report("loading the changed category image");
  await importImage(image.file);
  await kubectl(["--namespace=category", "delete", "pods", "--all"]);
  contents.remember([image]);
}

/** The parts of the node that are in no image: its programs, and the files in node/ that configure them. */
function nodeItself(toolchain: Toolchain): Content {
  return {
    reference: "node",
    key: contentHash(toolchain.nodeKey(), hashFolder(path.join(__dirname, "node"))),
  };
}

async function measure(): Promise<string> {
  const outputs = await stackOutputs();
  const answers = await measureSplit(outputs.gatewayUrl, outputs.host, requests);
  return splitSummary(outputs, answers, kubectl, 'eval "$(npm run -s lab -- env)"');
}
