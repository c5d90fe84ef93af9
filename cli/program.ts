/** The command `shopzier` with its subcommands. */
import { Command } from "commander";
import { checkCommand } from "./commands/check";
import { commentCommand } from "./commands/comment";
import { completionCommand } from "./commands/completion";
import { diffCommand } from "./commands/diff";
import { doctorCommand } from "./commands/doctor";
import { lintCommand } from "./commands/lint";
import { planCommand } from "./commands/plan";
import { rollbackCommand } from "./commands/rollback";
import { watchCommand } from "./commands/watch";
import { shiftCommand } from "./commands/shift";

export function shopzierProgram(): Command {
  const program = new Command("shopzier")
    .description("Shows, judges and shifts traffic between versions of services behind Istio.")
    .version("0.1.0")
    .showHelpAfterError("(shopzier --help lists what there is)");
  diffCommand(program);
  planCommand(program);
  shiftCommand(program);
  rollbackCommand(program);
  watchCommand(program);
  doctorCommand(program);
  lintCommand(program);
  checkCommand(program);
  commentCommand(program);
  completionCommand(program);
  return program;
}
