/** Measures how requests through the gateway of the kind cluster split: `make kind` ends with it. */
import { execa } from "execa";
import type { StackOutputs } from "../lab/stack";
import { measureSplit, splitSummary } from "../lab/traffic";

const READY = "--output=jsonpath={range .items[*]}{.status.readyReplicas}/{.spec.replicas}{end}";

async function main(): Promise<void> {
  const outputs = JSON.parse((await execa("pulumi", ["stack", "output", "--json"])).stdout) as StackOutputs;
  const answers = await measureSplit(outputs.gatewayUrl, outputs.host, 1000);
  const readyPods = async (version: string): Promise<string> =>
    (
      await execa("kubectl", [
        "--namespace=category",
        "get",
        "deployments",
        `--selector=version=${version}`,
        READY,
      ])
    ).stdout;
  console.log(await splitSummary(outputs, answers, readyPods, ". kind/env.sh"));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
