/** A branch with one commit of the stack file, made beside the user's working tree and index, which stay as they are. */
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Environment } from "../comment/forge";
import { git, gitWords } from "../sources/git";
import { SourceError } from "../sources/source-error";

/** The branch that a proposal is made for, and where it is pushed. */
export interface Base {
  readonly branch: string;
  readonly remote: string;
  /** Of the remote. */
  readonly address: string;
}

export interface Proposal {
  readonly branch: string;
  readonly message: string;
  /** Line at the end of the message, by which our own commits are known. */
  readonly trailer: string;
  /** Of the stack file. */
  readonly text: string;
}

/** Of a commit where git knows nobody, as in a runner. */
const NOBODY = { NAME: "shopzier", EMAIL: "shopzier@localhost" };

export class ProposalBranch {
  private constructor(
    private readonly folder: string,
    /** From the top of the repository, with slashes. */
    private readonly place: string,
    readonly base: Base,
  ) {}

  /** @throws SourceError where the file is in no git repository or has changes, and where branch or remote are not known. */
  static async open(file: string, env: Environment = process.env): Promise<ProposalBranch> {
    const folder = path.dirname(realpathSync(file));
    const name = path.basename(file);
    const top = await git(folder, ["rev-parse", "--show-toplevel"]).catch((error: unknown) => {
      throw new SourceError(`--propose: ${name} is in no git repository (${gitWords(error)})`);
    });
    const place = path.relative(realpathSync(top), path.join(folder, name)).split(path.sep).join("/");
    const committed = await git(folder, ["show", `HEAD:./${name}`], { trim: false }).catch(() => undefined);
    if (committed !== readFileSync(file, "utf8")) {
      throw new SourceError(
        `--propose: found ${name} with changes that are not committed\n  allowed: the file of the branch that the proposal is for\n  repair:  git stash, or commit and push it, then run this again`,
      );
    }
    const current = await git(folder, ["symbolic-ref", "--quiet", "--short", "HEAD"]).catch(() => "");
    const configured = (key: string): Promise<string> =>
      git(folder, ["config", `branch.${current}.${key}`]).catch(() => "");
    const [remote, merge] = await Promise.all([configured("remote"), configured("merge")]);
    // A runner checks out a commit, not a branch.
    const ofRun = (env.GITHUB_REF_TYPE === "branch" && env.GITHUB_REF_NAME) || env.CI_COMMIT_BRANCH || "";
    const branch = merge.replace(/^refs\/heads\//, "") || current || ofRun;
    if (branch === "") {
      throw new SourceError(
        "--propose: found a commit that is checked out without its branch\n  allowed: a branch, for which the change is proposed\n  repair:  git switch main",
      );
    }
    const where = remote || "origin";
    const address = await git(folder, ["remote", "get-url", where]).catch(() => {
      throw new SourceError(
        `--propose: the repository has no remote ${where}\n  repair:  git remote add ${where} <address>`,
      );
    });
    return new ProposalBranch(folder, place, { branch, remote: where, address });
  }

  /**
   * Makes the commit on HEAD and pushes it. What the branch has already is not pushed again.
   *
   * @returns the commit.
   * @throws SourceError where others have committed to the branch, and where the push fails.
   */
  async push({ branch, message, trailer, text }: Proposal): Promise<string> {
    const { folder } = this;
    const ref = `refs/heads/${branch}`;
    const tree = await this.tree(text);
    const [head, known] = await Promise.all([git(folder, ["rev-parse", "HEAD"]), this.tip(ref)]);
    if (known !== "") {
      const [own, same] = await this.compared(known, trailer, `${tree} ${head}`);
      if (!own) {
        throw new SourceError(
          `--propose: found commits of others on the branch ${branch}\n  allowed: commits with the line "${trailer}"\n  repair:  merge or delete that branch: git push ${this.base.remote} --delete ${branch}`,
        );
      }
      if (same) return known;
    }
    const env = await this.identity();
    const commit = await git(folder, ["commit-tree", tree, "-p", head, "-m", `${message}\n\n${trailer}`], {
      env,
    });
    const lease = `--force-with-lease=${ref}:${known}`;
    await git(folder, ["push", "--quiet", lease, this.base.remote, `${commit}:${ref}`]).catch(
      (error: unknown) => {
        throw new SourceError(
          `--propose: the branch ${branch} could not be pushed: ${gitWords(error)}\n  repair:  give the user of git the right to write ${branch}, or run this again if another run has just pushed it`,
        );
      },
    );
    return commit;
  }

  /** Of HEAD, with the text in the place of the stack file. */
  private async tree(text: string): Promise<string> {
    const { folder, place } = this;
    const scratch = mkdtempSync(path.join(tmpdir(), "shopzier-propose-"));
    try {
      const env = { GIT_INDEX_FILE: path.join(scratch, "index") };
      const [mode = ""] = (await git(folder, ["ls-tree", "--full-tree", "HEAD", place])).split(" ");
      const blob = await git(folder, ["hash-object", "-w", "--stdin"], { input: text });
      await git(folder, ["read-tree", "HEAD"], { env });
      await git(folder, ["update-index", "--cacheinfo", `${mode},${blob},${place}`], { env, top: true });
      return await git(folder, ["write-tree"], { env });
    } finally {
      rmSync(scratch, { recursive: true });
    }
  }

  /** The commit that the remote has; empty where it has no such branch. */
  private async tip(ref: string): Promise<string> {
    const { remote } = this.base;
    const listed = await git(this.folder, ["ls-remote", remote, ref]).catch((error: unknown) => {
      throw new SourceError(`--propose: the remote ${remote} cannot be read: ${gitWords(error)}`);
    });
    const [commit = ""] = listed.split(/\s/);
    if (commit !== "")
      await git(this.folder, ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", remote, ref]);
    return commit;
  }

  /** Whether a commit is one of ours, and whether it has that tree and parent. */
  private async compared(
    commit: string,
    trailer: string,
    wanted: string,
  ): Promise<readonly [boolean, boolean]> {
    const shown = await git(this.folder, ["log", "-1", "--format=%T %P%n%B", commit]);
    const [found = "", ...message] = shown.split("\n");
    return [message.includes(trailer), found === wanted];
  }

  private async identity(): Promise<Record<string, string>> {
    const known = await git(this.folder, ["var", "GIT_COMMITTER_IDENT"]).catch(() => undefined);
    if (known !== undefined) return {};
    return Object.fromEntries(
      ["AUTHOR", "COMMITTER"].flatMap((who) =>
        Object.entries(NOBODY).map(([key, value]) => [`GIT_${who}_${key}`, value]),
      ),
    );
  }
}
