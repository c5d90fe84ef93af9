/** Which pull request a workflow of GitHub runs for, by the event that GitHub wrote: never by a file or a name of the request's author. */
import { z } from "zod";
import { parsedJson } from "../json";
import { SourceError } from "../sources/source-error";

const person = z.object({ login: z.string() });

const event = z.object({
  pull_request: z
    .object({ number: z.number().int().positive(), head: z.object({ sha: z.string() }) })
    .nullish(),
  workflow_run: z
    .object({
      event: z.string(),
      head_sha: z.string(),
      head_branch: z.string().nullable(),
      html_url: z.string(),
      /** Null when the fork is gone. */
      head_repository: z.object({ id: z.number(), owner: person }).nullable(),
    })
    .nullish(),
});

export type PullRequestOf =
  | { readonly kind: "number"; readonly number: number; readonly sha: string }
  /**
   * GitHub leaves `pull_requests` of a fork's run empty (github/docs#22501), so the request is looked up by its head, for
   * forks and others alike.
   */
  | {
      readonly kind: "head";
      readonly sha: string;
      readonly repository: number;
      readonly owner: string;
      readonly branch: string;
      readonly run: string;
    }
  | { readonly kind: "none"; readonly why: string };

/**
 * @param text of the file that GITHUB_EVENT_PATH names.
 * @throws SourceError for an event that has no pull request.
 */
export function pullRequestOf(text: string): PullRequestOf {
  const parsed = event.safeParse(parsedJson(text));
  if (!parsed.success) throw new SourceError(`GITHUB_EVENT_PATH: the file is no event of GitHub`);
  const { pull_request: pull, workflow_run: run } = parsed.data;
  if (pull) return { kind: "number", number: pull.number, sha: pull.head.sha };
  if (!run) {
    throw new SourceError(
      "The event that started this workflow has no pull request.\n" +
        "  allowed: pull_request, workflow_run\n" +
        "  repair:  run `shopzier comment` in a workflow with `on: workflow_run` (docs/pull-requests.md)",
    );
  }
  if (run.event !== "pull_request") {
    return { kind: "none", why: `The run was started by ${run.event}, not by a pull request.` };
  }
  const { head_repository: repository, head_branch: branch } = run;
  if (!repository || branch === null) return { kind: "none", why: "The pull request's branch is gone." };
  return {
    kind: "head",
    sha: run.head_sha,
    repository: repository.id,
    owner: repository.owner.login,
    branch,
    run: run.html_url,
  };
}
