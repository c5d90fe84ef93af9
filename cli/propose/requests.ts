/** Pull requests of GitHub and merge requests of GitLab: one open request for a branch, made once and then updated. */
import { z } from "zod";
import { gitHubApi, gitLabApi, type Patience, type Refused } from "../comment/api";
import type { Environment } from "../comment/forge";
import { SourceError } from "../sources/source-error";

export interface ChangeRequest {
  /** With the commits of the change. */
  readonly branch: string;
  readonly base: string;
  readonly title: string;
  readonly body: string;
}

export interface Requests {
  /** Opens a request for the branch, or updates the open one. Returns its address. */
  propose(request: ChangeRequest): Promise<{ readonly address: string; readonly isNew: boolean }>;
}

/**
 * Of the project that the remote belongs to. In a run of GitHub Actions or GitLab CI the runner's variables name it, elsewhere the
 * address of the remote.
 *
 * @throws SourceError where no token is set, and where the address names no project.
 */
export function requestsOf(
  address: string,
  env: Environment = process.env,
  patience: Patience = {},
): Requests {
  const { GITHUB_TOKEN: gitHubToken, GITLAB_TOKEN: gitLabToken } = env;
  const remote = projectOf(address);
  const isGitLab = env.GITLAB_CI !== undefined || (remote?.host.includes("gitlab") ?? false);
  if (gitLabToken && (isGitLab || !gitHubToken)) return gitLab(gitLabToken, remote, env, patience);
  if (gitHubToken) return gitHub(gitHubToken, remote, env, patience);
  throw new SourceError(
    "--propose: neither GITHUB_TOKEN nor GITLAB_TOKEN is set\n" +
      `  repair:  ${isGitLab ? GITLAB_GRANT : GITHUB_GRANT}`,
  );
}

interface Project {
  readonly host: string;
  /** `shop/mesh` */
  readonly path: string;
}

/** Of `https://host/shop/mesh.git`, `ssh://git@host/shop/mesh`, `git@host:shop/mesh.git`. Undefined for others, such as a folder. */
export function projectOf(address: string): Project | undefined {
  const short = /^[^/@\s]+@([^/:\s]+):(?!\/)(.+)$/.exec(address);
  const found = short ?? /^(?:https?|ssh):\/\/(?:[^/@]*@)?([^/:]+)(?::\d+)?\/(.+)$/.exec(address);
  const [, host = "", place = ""] = found ?? [];
  const path = place.replace(/\/+$/, "").replace(/\.git$/, "");
  return path.includes("/") ? { host, path } : undefined;
}

const noProject = (variables: string): SourceError =>
  new SourceError(
    `--propose: the address of the git remote names no project\n  allowed: https://host/group/project.git, git@host:group/project.git\n  repair:  set ${variables}`,
  );

const pull = z.object({ number: z.number(), html_url: z.string() });

const GITHUB_GRANT =
  "set GITHUB_TOKEN to a token that may write contents and pull requests. The token of a workflow has them by\n" +
  "           `permissions: { contents: write, pull-requests: write }`, where the repository lets Actions create pull requests";

function gitHub(token: string, remote: Project | undefined, env: Environment, patience: Patience): Requests {
  const repository = env.GITHUB_REPOSITORY ?? remote?.path;
  if (!repository) throw noProject("GITHUB_REPOSITORY and GITHUB_API_URL");
  const own =
    !remote || remote.host === "github.com" ? "https://api.github.com" : `https://${remote.host}/api/v3`;
  const api = gitHubApi(env.GITHUB_API_URL ?? own, token, explaining("GitHub", GITHUB_GRANT), patience);
  const [owner = ""] = repository.split("/");
  const pulls = `/repos/${repository}/pulls`;
  return {
    propose: ({ branch, base, title, body }) =>
      // What failed may have been done all the same, so that each attempt looks again.
      api.persist(async () => {
        const head = encodeURIComponent(`${owner}:${branch}`);
        const [open] = await api.list(`${pulls}?state=open&head=${head}`, pull);
        const { html_url } = open
          ? await api.send("PATCH", `${pulls}/${open.number}`, pull, { title, body, base })
          : await api.send("POST", pulls, pull, { title, head: branch, base, body });
        return { address: html_url, isNew: !open };
      }),
  };
}

const mergeRequest = z.object({ iid: z.number(), web_url: z.string() });

const GITLAB_GRANT =
  "set GITLAB_TOKEN to a project access token with the role Developer and the scopes api and write_repository";

function gitLab(token: string, remote: Project | undefined, env: Environment, patience: Patience): Requests {
  const project = env.CI_PROJECT_ID ?? (remote && encodeURIComponent(remote.path));
  const base = env.CI_API_V4_URL ?? (remote && `https://${remote.host}/api/v4`);
  if (!project || !base) throw noProject("CI_PROJECT_ID and CI_API_V4_URL");
  const api = gitLabApi(base, token, explaining("GitLab", GITLAB_GRANT), patience);
  const all = `/projects/${project}/merge_requests`;
  return {
    propose: ({ branch, base: target, title, body: description }) =>
      api.persist(async () => {
        const source = encodeURIComponent(branch);
        const [open] = await api.list(`${all}?state=opened&source_branch=${source}`, mergeRequest);
        const content = { title, description, target_branch: target };
        const { web_url } = open
          ? await api.send("PUT", `${all}/${open.iid}`, mergeRequest, content)
          : await api.send("POST", all, mergeRequest, {
              ...content,
              source_branch: branch,
              remove_source_branch: true,
            });
        return { address: web_url, isNew: !open };
      }),
  };
}

const explaining =
  (service: string, grant: string) =>
  ({ status, message, request }: Refused): string => {
    const found = `${service} refused ${request} (${status}): ${message}`;
    return [401, 403, 404].includes(status) ? `${found}\n  repair:  ${grant}` : found;
  };
