/** `shopzier comment`: the report as comments of the pull request that a workflow runs for. */
import type { Command } from "commander";
import { comment } from "../comment/comment";

export const commentCommand = (program: Command): Command =>
  program
    .command("comment")
    .description("write or update a comment for each stack, in a workflow of GitHub or a pipeline of GitLab")
    .argument("<report>", "what `shopzier diff --json` wrote")
    .action(async (report: string) => {
      console.log((await comment(report)).join("\n"));
    });
