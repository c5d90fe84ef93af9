import { Command } from "commander";
import { interrupt } from "./command";
import { describe } from "./fault";
import { folders } from "./folders";
import { clean, down, up } from "./lifecycle";
import { checkPlatform } from "./requirements";
import { stackEnvironment } from "./stack";
import { printLogs, printStatus } from "./status";

const program = new Command("lab").description(
  "A one-node Kubernetes with Istio on this machine, and stack `lab` of the program on it.",
);
program.hook("preAction", checkPlatform);
program.command("up").description("start it, or bring it up to date, and measure the split").action(up);
program.command("down").description("end it; nothing stays but the cache").action(down);
program.command("status").description("what runs, what is broken, which log to read").action(printStatus);
program
  .command("logs")
  .argument("[component]", "a log of .lab/logs, or namespace/pod; without it the list of them")
  .description("print a log")
  .action(printLogs);
program
  .command("env")
  .description("shell exports for plain `pulumi` and `kubectl`")
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
