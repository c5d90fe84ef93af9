import { Command } from "commander";
import { interrupt } from "./command";
import { describe } from "./fault";
import { folders } from "./folders";
import { buildRest } from "./background";
import { clean, down, observability, up } from "./lifecycle";
import { checkPlatform } from "./requirements";
import { stackEnvironment } from "./stack";
import { printLogs, printStatus } from "./status";

const program = new Command("lab").description(
  "A one-node Kubernetes with Istio on this machine, and stack `lab` of the program on it.",
);
program.hook("preAction", checkPlatform);
program
  .command("up")
  .option("--all", "with all that `observability` adds but its settings; the tests need it")
  .description("start the lab or update it, and measure the split")
  .action(({ all }: { all?: true }) => up(all ? "all" : "split"));
program
  .command("observability")
  .description("add Prometheus, Jaeger, istioctl, promtool and the enforcement of NetworkPolicies")
  .action(observability);
program
  .command("build")
  .description("build what `observability` adds; `up` starts it in the background")
  .action(buildRest);
program.command("down").description("stop the lab; the cache and the logs stay").action(down);
program
  .command("status")
  .description("show what runs, what is broken and which log to read")
  .action(printStatus);
program
  .command("logs")
  .argument("[component]", "a log of .lab/logs, or namespace/pod; without it the list of them")
  .description("print a log")
  .action(printLogs);
program
  .command("env")
  .description("print shell exports for `pulumi`, `kubectl` and `istioctl`")
  .action(() => {
    for (const [name, value] of Object.entries({ ...stackEnvironment(), PATH: folders.bin }))
      console.log(`export ${name}='${value}'${name === "PATH" ? ':"$PATH"' : ""}`);
  });
program.command("clean").description("remove the cache and .lab").action(clean);

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, interrupt);
program.parseAsync().catch((error: unknown) => {
  console.error(`\n${describe(error)}`);
  process.exitCode = 1;
});
