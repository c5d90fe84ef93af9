import { readFileSync } from "node:fs";
import { z } from "zod";
import { SourceError } from "../sources/source-error";
import { gitHubApi, type Patience, type Refused } from "./api";
import { outdated, type Environment, type Forge, type Nothing } from "./forge";
import { pullRequestOf } from "./github-event";

const pull = z.object({
  number: z.number(),
  /** The repository is null when the fork is gone. */
  head: z.object({ sha: z.string(), repo: z.object({ id: z.number() }).nullable() }),
});
const comment = z.object({
  id: z.number(),
  body: z.string().nullish(),
  user: z.object({ login: z.string() }).nullable(),
});
const viewer = z.object({ data: z.object({ viewer: z.object({ login: z.string() }) }) });
const anything = z.unknown();

/** The pull request of the running workflow. Reads the variables that the runner sets, and GITHUB_TOKEN. */
export async function gitHub(env: Environment, patience: Patience): Promise<Forge | Nothing> {
  const { GITHUB_TOKEN: token, GITHUB_REPOSITORY: repository } = env;
  const { GITHUB_API_URL: base = "https://api.github.com", GITHUB_GRAPHQL_URL: graph } = env;
  if (!token) {
    throw new SourceError(
      "GITHUB_TOKEN is not set.\n  repair:  give the step `env: { GITHUB_TOKEN: ${{ github.token }} }`",
    );
  }
  if (!repository || !env.GITHUB_EVENT_PATH)
    throw new SourceError("GITHUB_REPOSITORY or GITHUB_EVENT_PATH is not set.");
  const api = gitHubApi(base, token, explain, patience);
  const event = pullRequestOf(readFileSync(env.GITHUB_EVENT_PATH, "utf8"));
  if (event.kind === "none") return { nothing: event.why };
  let number: number;
  if (event.kind === "number") {
    number = event.number;
    const { head } = await api.persist(() => api.send("GET", `/repos/${repository}/pulls/${number}`, pull));
    if (head.sha !== event.sha) return { nothing: outdated(event.sha) };
  } else {
    const head = encodeURIComponent(`${event.owner}:${event.branch}`);
    const open = await api.persist(() =>
      api.list(`/repos/${repository}/pulls?state=open&head=${head}`, pull),
    );
    const found = open.filter((one) => one.head.sha === event.sha && one.head.repo?.id === event.repository);
    const [first, second] = found;
    if (!first) return { nothing: outdated(event.sha) };
    if (second) {
      throw new SourceError(
        `The pull requests ${found.map((one) => one.number).join(" and ")} have the same head, so the report may be of either.\n` +
          "  repair:  close one of them, or give it a branch of its own",
      );
    }
    number = first.number;
  }

  const graphApi = gitHubApi(graph ?? `${base}/graphql`, token, explain, patience);
  // REST's /user refuses the token of a workflow.
  const { data } = await api.persist(() =>
    graphApi.send("POST", "", viewer, { query: "{ viewer { login } }" }),
  );
  const comments = `/repos/${repository}/issues/${number}/comments`;
  return {
    api,
    where: `pull request ${number} of ${repository}`,
    commit: event.sha,
    run:
      event.kind === "head"
        ? event.run
        : `${env.GITHUB_SERVER_URL ?? "https://github.com"}/${repository}/actions/runs/${env.GITHUB_RUN_ID ?? ""}`,
    own: async () =>
      (await api.list(comments, comment))
        .filter(({ user }) => user?.login === data.viewer.login)
        .map(({ id, body }) => ({ id, body: body ?? "" })),
    create: (body) => api.send("POST", comments, anything, { body }),
    update: (id, body) => api.send("PATCH", `/repos/${repository}/issues/comments/${id}`, anything, { body }),
  };
}

function explain({ status, message, request }: Refused): string {
  const found = `GitHub refused ${request} (${status}): ${message}`;
  if (/locked/i.test(message)) return `${found}\n  repair:  unlock the conversation of the pull request`;
  if (status === 401)
    return `${found}\n  repair:  GITHUB_TOKEN is wrong or expired: give the step the token of the workflow`;
  if (status === 403 || status === 404) {
    return (
      `${found}\n` +
      "  allowed: a token that may read the repository and write comments of its pull requests\n" +
      "  repair:  give the job `permissions: { contents: read, pull-requests: write }`. A workflow that a fork's pull request starts\n" +
      "           gets a token that writes nothing: comment from a workflow with `on: workflow_run` (docs/pull-requests.md)"
    );
  }
  return found;
}
