/** Measures how requests through the gateway of the kind cluster split: `make kind` ends with it. */
import { execa } from "execa";
import type { StackOutputs } from "../lab/stack";
import { measureSplit, observabilityAddresses, splitSummary } from "../lab/traffic";

async function main(): Promise<void> {
  const outputs = JSON.parse((await execa("pulumi", ["stack", "output", "--json"])).stdout) as StackOutputs;
  const answers = await measureSplit(outputs.gatewayUrl, outputs.host, 1000);
  const kubectl = async (args: readonly string[]): Promise<string> => (await execa("kubectl", args)).stdout;
  console.log(await splitSummary(outputs, answers, kubectl, ". kind/env.sh"));
  console.log(observabilityAddresses);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
