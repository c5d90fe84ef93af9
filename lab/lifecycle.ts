import fs from "node:fs";
import path from "node:path";
import { debianMirror, installPackages } from "./apt";
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
import { checkMachine } from "./requirements";
import { stackOutputs, updateStack } from "./stack";
import { runSteps } from "./steps";
import { Toolchain } from "./toolchain";
import { measureSplit, splitSummary } from "./traffic";

const requests = 1000;
const contents = new NodeContents(path.join(folders.run, "contents.json"));

/** Starts the lab or updates it from any state, until real traffic splits as stack `lab` says. */
export async function up(): Promise<void> {
  await takeLock("up");
  let toolchain: Toolchain;
  let images: ImageArchives;
  let isNew = false;
  let summary = "";
  const undo = async (): Promise<void> => {
    if (isNew) await stopNode();
  };
  await runSteps([
    {
      name: "requirements",
      async run(report) {
        const machine = await checkMachine();
        await installPackages(machine.missingPackages, report);
        const node = findNode();
        if (!node) fs.rmSync(folders.logs, { recursive: true, force: true });
        else if (node.checkout !== folders.checkout)
          throw new Fault(
            `The lab of ${node.checkout} is up, and a machine has room for one: make down first.`,
          );
        sweepCache();
        // Fails here rather than after the programs are built.
        if (!hasBaseImage()) await debianMirror(report);
      },
    },
    {
      name: "programs",
      async run(report) {
        toolchain = await Toolchain.find();
        const parts = new Images(toolchain);
        await toolchain.build(parts.missingPrograms(), report, (signal) => parts.buildBase(report, signal));
      },
    },
    {
      name: "images",
      async run(report) {
        images = await new Images(toolchain).build(report);
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
        await updateStack(toolchain, report);
      },
    },
    {
      name: "traffic",
      async run(report) {
        report(`${requests} requests through the gateway`);
        summary = await measure();
      },
    },
  ]);
  console.log(summary);
}

/** Stops the lab; only the cache and the logs stay. */
export async function down(): Promise<void> {
  await takeLock("down");
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
  for (const folder of [folders.cache, folders.state]) {
    fs.rmSync(folder, { recursive: true, force: true });
    console.log(`removed ${shown(folder)}`);
  }
}

async function startCluster(
  node: Content,
  images: ImageArchives,
  report: (text: string) => void,
): Promise<void> {
  const load = (archives: readonly ImageArchive[]): Promise<unknown> =>
    Promise.all(archives.map(({ file }) => importImage(file)));
  const later = [...images.others, images.category, images.database];
  report("loading images");
  await load(images.controlPlane);
  // The other images are loaded before kubeadm needs the first of them.
  await Promise.all([startKubernetes(report), load(later)]);
  contents.remember([node, ...images.controlPlane, ...later]);
  markReady();
}

/**
 * Loads changed images of the category service into a running cluster, and replaces the pods with the old image. It does not
 * wait until the new pods are ready, since they may need the `pulumi up` that follows.
 */
async function refresh(
  { category: image, database }: ImageArchives,
  report: (text: string) => void,
): Promise<void> {
  if (!contents.has([database])) {
    await importImage(database.file);
    contents.remember([database]);
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
