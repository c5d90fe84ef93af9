/** What a shift and a rollback write: the stack file, the route in the cluster, the stack. */
import { readFileSync, realpathSync, renameSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { effectiveShares, type Weights } from "../../components/traffic/weights";
import type { UpEnd } from "../shift/next-action";
import { readWeights, withWeights } from "../shift/stack-weights";
import { appliedByPulumi, type VirtualServiceObject } from "../shift/written-route";
import type { ClusterNames } from "../../components/kubernetes/api-server";
import type { LiveRoutes } from "./live-route";
import { readProject, stackFileIn, stacksIn, type Project } from "./pulumi-project";
import { pulumiUp, ROUTES_ALONE } from "./pulumi-up";
import { SourceError } from "./source-error";

export class StackSite {
  private constructor(
    readonly folder: string,
    readonly stack: string,
    readonly project: Project,
    /** Of the stack's settings. */
    readonly file: string,
  ) {}

  /**
   * @param stack default: the only one that there is.
   * @throws SourceError where there is no such stack.
   */
  static open(cwd: string, stack?: string): StackSite {
    const folder = path.resolve(cwd);
    const stacks = stacksIn(folder);
    const name = stack ?? (stacks.length === 1 ? stacks[0] : undefined);
    const project = name === undefined ? undefined : readProject(folder, name, "the working tree");
    const file = name === undefined ? undefined : stackFileIn(folder, name);
    if (name === undefined || project === undefined || file === undefined) {
      throw new SourceError(
        `stack: found ${stack ?? "none"}\n` +
          `  allowed: ${stacks.join(", ") || "none, since the folder has no Pulumi.yaml with stack files"}\n` +
          "  repair:  --stack name, or -C with the folder of the program",
      );
    }
    return new StackSite(folder, name, project, realpathSync(file));
  }

  /**
   * Of Pulumi's provider, so that the same cluster is asked.
   *
   * @param named by options of the command line, which go before the stack's.
   * @throws SourceError where the stack's are encrypted, and nothing is named: another cluster would be asked than Pulumi's.
   */
  cluster({ kubeconfig, context }: Omit<ClusterNames, "cluster">): ClusterNames {
    const { config, secretKeys } = this.project;
    const written = (["kubeconfig", "context", "cluster"] as const).flatMap((key) => {
      const value = config[`kubernetes:${key}`];
      return value === undefined ? [] : [{ key, value }];
    });
    const isSecret = ({ key }: (typeof written)[number]): boolean => secretKeys.includes(`kubernetes:${key}`);
    const [secret] = written.filter(isSecret);
    if (secret && kubeconfig === undefined && context === undefined) {
      throw new SourceError(
        `kubernetes:${secret.key} of ${path.basename(this.file)}: found an encrypted value, which cannot be read here\n` +
          "  allowed: a cluster that is named in plain text\n" +
          "  repair:  name the same cluster: --kubeconfig FILE or --context NAME",
      );
    }
    const plain = written.filter((one) => !isSecret(one));
    return {
      ...Object.fromEntries(plain.map(({ key, value }) => [key, value])),
      ...(kubeconfig !== undefined && { kubeconfig }),
      ...(context !== undefined && { context }),
    };
  }

  weights(): Weights {
    return readWeights(readFileSync(this.file, "utf8"), this.project.name, path.basename(this.file));
  }

  /** All else in the file stays. A reader finds the old file or the new one, never a part. */
  write(weights: Weights): void {
    const text = readFileSync(this.file, "utf8");
    const edited = withWeights(text, this.project.name, path.basename(this.file), weights);
    if (edited === text) return;
    const beside = `${this.file}.new`;
    writeFileSync(beside, edited, { mode: statSync(this.file).mode });
    renameSync(beside, this.file);
  }

  /** Sets the route as Pulumi would. Returns whether it could; `up` follows in any case. */
  async setRoute(
    routes: LiveRoutes,
    object: VirtualServiceObject,
    version: string,
    weights: Weights,
  ): Promise<boolean> {
    const applied = appliedByPulumi(object, version, effectiveShares(weights));
    if (!applied) return false;
    await routes.apply(applied.object, applied.manager);
    return true;
  }

  up(what: "all" | "routes", onLocked: (words: string) => void): Promise<UpEnd> {
    const { folder, stack } = this;
    return pulumiUp({ folder, stack, onLocked, ...(what === "routes" && { targets: ROUTES_ALONE }) });
  }
}
