import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { until } from "./command";
import { folders } from "./folders";
import { Images } from "./images";
import { lockHolder, takeLock } from "./lock";
import { runSteps } from "./steps";
import { Toolchain } from "./toolchain";

/** Not the lab's own lock: the lab may be used, stopped and updated meanwhile. */
const lock = "shopzier-mesh-lab-build";
/** Name of its log (`npm run lab -- logs background`). */
const log = "background";

/** Builds everything, without a change of the lab. */
export async function buildRest(): Promise<void> {
  await takeLock("build", lock);
  const images = new Images(await Toolchain.find());
  await runSteps([
    {
      name: "programs",
      run: (report) => images.buildPrograms("all", report),
    },
    {
      name: "images",
      async run(report) {
        await images.build("all", report);
      },
    },
  ]);
}

const labBuild: readonly string[] = [
  process.execPath,
  ...["-r", "ts-node/register/transpile-only", path.join(__dirname, "cli.ts"), "build"],
];

/**
 * Starts {@link buildRest} in a process of its own, at low priority, and waits until it has taken its lock. It goes on when this
 * command has ended.
 */
export async function startBackgroundBuild(command = labBuild, name = lock): Promise<void> {
  fs.mkdirSync(folders.logs, { recursive: true });
  const output = fs.openSync(path.join(folders.logs, `${log}.log`), "a");
  const builder = spawn("nice", ["-n", "19", ...command], {
    cwd: folders.checkout,
    detached: true,
    stdio: ["ignore", output, output],
  });
  builder.unref();
  fs.closeSync(output);
  await until(`The start of the build in the background (npm run lab -- logs ${log})`, 30, async () => {
    return builder.exitCode !== null || (await lockHolder(name)) !== undefined;
  });
}

/** Whether something is built in the background, for any checkout. */
export async function isBuildingInBackground(): Promise<boolean> {
  return (await lockHolder(lock)) !== undefined;
}

/**
 * Ends the build in the background, of any checkout, since they share the cache. What Go has compiled stays in its cache, so
 * whoever builds afterwards goes on from there. Returns whether there was one.
 */
export async function endBackgroundBuild(name = lock): Promise<boolean> {
  const pid = await lockHolder(name);
  if (pid === undefined) return false;
  // Its commands end with it.
  process.kill(pid, "SIGKILL");
  await until(`The end of the build in the background (PID ${pid})`, 20, async () => {
    return (await lockHolder(name)) === undefined;
  });
  return true;
}
