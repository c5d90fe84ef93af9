/** `shopzier doctor`: what `pulumi up` of a stack would meet in its cluster. */
import { Option, type Command } from "commander";
import { StackSite } from "../sources/stack-site";
import { fromProgram } from "../sources/program";
import { examine, isWell } from "../doctor/examine";
import { doctorText } from "../doctor/text";
import { accessTo } from "../sources/live";

interface Options {
  readonly cwd: string;
  readonly stack?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly json?: true;
}

export const doctorCommand = (program: Command): Command =>
  program
    .command("doctor")
    .description("check a cluster before `pulumi up`: Istio, rights, what exists already; writes nothing")
    .addOption(new Option("--stack <name>", "of the Pulumi program (default: the only one)"))
    .addOption(new Option("-C, --cwd <folder>", "of the Pulumi program").default("."))
    .addOption(new Option("--kubeconfig <file>", "of the cluster (default: as the stack file says)"))
    .addOption(new Option("--context <name>", "of the kubeconfig"))
    .addOption(new Option("--json", "for programs"))
    .action(async ({ cwd, stack, json, ...cluster }: Options) => {
      const site = StackSite.open(cwd, stack);
      const side = await fromProgram({ folder: site.folder, stack: site.stack });
      const owner = { project: site.project.name, stack: site.stack };
      const findings = await examine(side, owner, accessTo(site.cluster(cluster)));
      process.stdout.write(
        json ? `${JSON.stringify({ version: 1, ...findings }, undefined, 2)}\n` : doctorText(findings),
      );
      if (!isWell(findings)) process.exitCode = 2;
    });
