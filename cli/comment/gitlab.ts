import { z } from "zod";
import { SourceError } from "../sources/source-error";
import { gitLabApi, type Patience, type Refused } from "./api";
import { outdated, type Environment, type Forge, type Nothing } from "./forge";

const user = z.object({ id: z.number() });
const note = z.object({ id: z.number(), body: z.string(), author: user });
const mergeRequest = z.object({ sha: z.string() });
const anything = z.unknown();

/** The merge request of the running pipeline. Reads the variables that the runner sets, and GITLAB_TOKEN. */
export async function gitLab(env: Environment, patience: Patience): Promise<Forge | Nothing> {
  const { CI_API_V4_URL: base, CI_PROJECT_ID: project, CI_MERGE_REQUEST_IID: number } = env;
  const { GITLAB_TOKEN: token } = env;
  if (!base || !project || !number) {
    throw new SourceError(
      "This pipeline has no merge request.\n" +
        "  allowed: a pipeline of a merge request, which sets CI_API_V4_URL, CI_PROJECT_ID and CI_MERGE_REQUEST_IID\n" +
        `  repair:  give the job \`rules: [{ if: $CI_PIPELINE_SOURCE == "merge_request_event" }]\``,
    );
  }
  if (!token) throw new SourceError(`GITLAB_TOKEN is not set.\n  repair:  ${GRANT}`);
  const api = gitLabApi(base, token, explain, patience);
  const path = `/projects/${project}/merge_requests/${number}`;
  // In a pipeline of the merged result, CI_COMMIT_SHA is a commit that nobody made. Elsewhere the first is empty.
  const commit = env.CI_MERGE_REQUEST_SOURCE_BRANCH_SHA || (env.CI_COMMIT_SHA ?? "");
  const { sha } = await api.persist(() => api.send("GET", path, mergeRequest));
  if (sha !== commit) return { nothing: outdated(commit) };
  const notes = `${path}/notes`;
  return {
    api,
    where: `merge request ${number} of ${env.CI_PROJECT_PATH ?? `project ${project}`}`,
    commit,
    ...(env.CI_PIPELINE_URL && { run: env.CI_PIPELINE_URL }),
    own: async () => {
      const { id } = await api.send("GET", "/user", user);
      return (await api.list(`${notes}?sort=asc`, note)).filter(({ author }) => author.id === id);
    },
    create: (body) => api.send("POST", notes, anything, { body }),
    update: (id, body) => api.send("PUT", `${notes}/${id}`, anything, { body }),
  };
}

const GRANT =
  "make a project access token with the role Reporter and the scope api, and a masked CI/CD variable GITLAB_TOKEN of it.\n" +
  "           The job's own CI_JOB_TOKEN may not write comments. A pipeline in a fork has no variables of this project:\n" +
  "           run the pipeline from the merge request in this project (docs/pull-requests.md)";

function explain({ status, message, request }: Refused): string {
  const found = `GitLab refused ${request} (${status}): ${message}`;
  return [401, 403, 404].includes(status) ? `${found}\n  repair:  ${GRANT}` : found;
}
