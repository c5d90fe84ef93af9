import fs from "node:fs";
import path from "node:path";
import { withScratch } from "./cache";
import { run } from "./command";

/** Installs Python packages with verified checksums into a folder below `folder`; returns that folder. */
export async function installPython(requirements: string, folder: string): Promise<string> {
  const environment = path.join(folder, "venv");
  const target = path.join(folder, "packages");
  const pip = path.join(environment, "bin", "pip");
  const options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"];
  await withScratch(async (TMPDIR) => {
    const settings = { env: { TMPDIR }, log: "toolchain" };
    // venv would run ensurepip itself and hide its output, such as a full disk.
    await run(["python3", "-m", "venv", "--without-pip", environment], settings);
    await run([path.join(environment, "bin", "python3"), "-m", "ensurepip", "--default-pip"], settings);
    await run([pip, "install", ...options, "--target", target, "--requirement", requirements], settings);
  });
  fs.rmSync(environment, { recursive: true });
  return target;
}
