import { execa } from "execa";
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { deployed, isGoingBack, Proposals, type ProposedStep } from "../../cli/propose/propose";
import { projectOf } from "../../cli/propose/requests";
import { StackSite } from "../../cli/sources/stack-site";
import { runOn, Site } from "../support/shift-world";

interface Stored {
  readonly number: number;
  open: boolean;
  readonly content: Record<string, unknown>;
}

/** The routes of GitHub's and GitLab's API that proposals need. */
class Forge {
  readonly requests: Stored[] = [];
  refuse: number | undefined;
  private readonly server = http.createServer((request, response) => {
    void (async () => {
      const text = Buffer.concat(await request.toArray()).toString();
      const { method = "", url = "" } = request;
      const token = request.headers.authorization ?? request.headers["private-token"];
      const [status, answer]: [number, unknown] =
        token !== "Bearer secret-token" && token !== "secret-token"
          ? [401, { message: "Bad credentials" }]
          : this.refuse === undefined
            ? this.answer(
                method,
                new URL(url, "http://x"),
                text === "" ? {} : (JSON.parse(text) as Record<string, unknown>),
              )
            : [this.refuse, { message: "Resource not accessible" }];
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(answer));
    })();
  });

  async start(): Promise<string> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private answer(
    method: string,
    { pathname, searchParams }: URL,
    content: Record<string, unknown>,
  ): [number, unknown] {
    const isLists = ["/repos/shop/mesh/pulls", "/projects/42/merge_requests"].includes(pathname);
    const shown = ({ number, content: own }: Stored) => ({
      ...{ number, iid: number, ...own },
      ...{ html_url: `https://forge/${number}`, web_url: `https://forge/${number}` },
    });
    if (isLists && method === "GET") {
      const branch =
        (searchParams.get("head") ?? "").replace("shop:", "") || searchParams.get("source_branch");
      const found = this.requests.filter(
        (one) => one.open && (one.content.head ?? one.content.source_branch) === branch,
      );
      return [200, found.map(shown)];
    }
    if (isLists) {
      const made = { number: this.requests.length + 1, open: true, content };
      this.requests.push(made);
      return [201, shown(made)];
    }
    const known = this.requests.find(({ number }) => pathname.endsWith(`/${number}`));
    if (!known) return [404, { message: "Not Found" }];
    Object.assign(known.content, content);
    return [200, shown(known)];
  }
}

const STACK_FILE = `# The canary.
config:
  shop:traffic:
    weights:
      v1: rest # all others
      v2: 10
`;
const STEP: ProposedStep = {
  ...{ version: "v2", way: "on", weights: { v1: "rest", v2: 25 } },
  ...{ from: { v1: 90, v2: 10 }, why: "v2 is good enough: 0 of 900 requests failed." },
};

describe("shift --propose", () => {
  let root: string;
  let folder: string;
  let forge: Forge;
  let env: Record<string, string>;
  const git = async (...args: string[]): Promise<string> =>
    (await execa("git", args, { cwd: folder, env: IDENTITY })).stdout;
  const site = (): StackSite => StackSite.open(path.join(folder, "infra"));
  const proposals = () => Proposals.open(site(), env, (_, commit) => Promise.resolve(`report of ${commit}`));
  const IDENTITY = {
    ...{
      GIT_AUTHOR_NAME: "a",
      GIT_AUTHOR_EMAIL: "a@b.c",
      GIT_COMMITTER_NAME: "a",
      GIT_COMMITTER_EMAIL: "a@b.c",
    },
  };

  beforeEach(async () => {
    root = mkdtempSync(path.join(tmpdir(), "shopzier-propose-test-"));
    folder = path.join(root, "clone");
    await execa("git", ["init", "--quiet", "--bare", "-b", "main", path.join(root, "mesh.git")]);
    await execa("git", ["init", "--quiet", "-b", "main", folder]);
    mkdirSync(path.join(folder, "infra"));
    writeFileSync(path.join(folder, "infra/Pulumi.yaml"), "name: shop\nruntime: nodejs\n");
    writeFileSync(path.join(folder, "infra/Pulumi.prod.yaml"), STACK_FILE);
    writeFileSync(path.join(folder, "infra/notes.txt"), "as committed\n");
    await git("add", ".");
    await git("commit", "--quiet", "-m", "first");
    await git("remote", "add", "origin", path.join(root, "mesh.git"));
    await git("push", "--quiet", "-u", "origin", "main");
    forge = new Forge();
    env = {
      GITHUB_TOKEN: "secret-token",
      GITHUB_REPOSITORY: "shop/mesh",
      GITHUB_API_URL: await forge.start(),
    };
  });
  afterEach(() => {
    forge.stop();
    rmSync(root, { recursive: true });
  });

  it("opens one pull request with the edit of one number, and leaves working tree and index alone", async () => {
    writeFileSync(path.join(folder, "infra/notes.txt"), "edited\n");
    writeFileSync(path.join(folder, "infra/staged.txt"), "staged\n");
    await git("add", "infra/staged.txt");
    const status = await git("status", "--porcelain");
    const words = await (await proposals()).propose(STEP);
    assert.equal(words, "Shift v2 from 10 % to 25 % (prod): https://forge/1");
    assert.equal(await git("status", "--porcelain"), status);
    assert.equal(await git("symbolic-ref", "--short", "HEAD"), "main");
    const [request, ...others] = forge.requests;
    assert.ok(request && others.length === 0);
    const { title, head, base, body } = request.content;
    assert.deepEqual(
      [title, head, base],
      ["Shift v2 from 10 % to 25 % (prod)", "shopzier/shift-prod-v2", "main"],
    );
    const commit =
      (await git("ls-remote", "origin", "refs/heads/shopzier/shift-prod-v2")).split("\t")[0] ?? "";
    assert.match(String(body), /0 of 900 requests failed/);
    assert.match(String(body), /\| v2 \| 10 % \| 25 % \|/);
    assert.ok(String(body).includes(`report of ${commit}`));
    assert.deepEqual(
      (await git("diff", "--unified=0", "main", commit))
        .split("\n")
        .filter((line) => /^[-+][^-+]/.test(line)),
      ["-      v2: 10", "+      v2: 25"],
    );
    assert.match(await git("log", "-1", "--format=%B", commit), /Shopzier-Shift: prod v2/);
  });

  it("brings the open request up to date, also to the way back, and pushes nothing twice", async () => {
    await (await proposals()).propose(STEP);
    const tip = () => git("ls-remote", "origin", "refs/heads/shopzier/shift-prod-v2");
    const first = await tip();
    assert.match(await (await proposals()).propose(STEP), /\(updated\)$/);
    assert.equal(await tip(), first);
    const back = { ...STEP, way: "back", weights: { v1: "rest", v2: 5 }, why: "v2 is worse." } as const;
    const words = await (await proposals()).propose(back);
    assert.equal(words, "Take v2 back from 10 % to 5 % (prod): https://forge/1 (updated)");
    assert.notEqual(await tip(), first);
    assert.equal(forge.requests.length, 1);
    assert.match(String(forge.requests[0]?.content.body), /^\*\*v2 is to go back\.\*\*\n\nv2 is worse\./);
    // The next step after a merge.
    const [request] = forge.requests;
    assert.ok(request);
    request.open = false;
    assert.equal(
      await (await proposals()).propose(STEP),
      "Shift v2 from 10 % to 25 % (prod): https://forge/2",
    );
  });

  it("opens a merge request of GitLab", async () => {
    const { GITHUB_API_URL = "" } = env;
    env = { GITLAB_TOKEN: "secret-token", CI_PROJECT_ID: "42", CI_API_V4_URL: GITHUB_API_URL };
    await (await proposals()).propose(STEP);
    const words = await (await proposals()).propose(STEP);
    assert.equal(words, "Shift v2 from 10 % to 25 % (prod): https://forge/1 (updated)");
    const { title, source_branch, target_branch } = forge.requests[0]?.content ?? {};
    assert.deepEqual(
      [title, source_branch, target_branch],
      ["Shift v2 from 10 % to 25 % (prod)", "shopzier/shift-prod-v2", "main"],
    );
  });

  it("refuses plainly what it cannot propose, before it waits for a verdict", async () => {
    const refused = async (pattern: RegExp): Promise<void> => {
      await assert.rejects(proposals, (error: Error) => {
        assert.match(error.message, pattern);
        assert.doesNotMatch(error.message, /secret-token|\n\s+at /);
        return true;
      });
    };
    const whole = env;
    const without = (name: string) =>
      Object.fromEntries(Object.entries(whole).filter(([key]) => key !== name));
    env = without("GITHUB_TOKEN");
    await refused(/neither GITHUB_TOKEN nor GITLAB_TOKEN is set\n {2}repair: /);
    env = without("GITHUB_REPOSITORY");
    await refused(/the address of the git remote names no project\n {2}allowed: /);
    env = whole;
    await git("switch", "--quiet", "--detach");
    await refused(/checked out without its branch\n {2}allowed: .*\n {2}repair: {2}git switch/);
    await git("switch", "--quiet", "main");
    writeFileSync(path.join(folder, "infra/Pulumi.prod.yaml"), STACK_FILE.replace("10", "11"));
    await refused(/Pulumi\.prod\.yaml with changes that are not committed/);
    await git("checkout", "--quiet", ".");
    await git("remote", "remove", "origin");
    await refused(/has no remote origin\n {2}repair: {2}git remote add origin/);
  });

  it("touches no branch that somebody else has committed to, and says what a token lacks", async () => {
    await git("switch", "--quiet", "-c", "shopzier/shift-prod-v2");
    await git("commit", "--quiet", "--allow-empty", "-m", "mine");
    await git("push", "--quiet", "origin", "shopzier/shift-prod-v2");
    await git("switch", "--quiet", "main");
    const mine = await git("ls-remote", "origin", "refs/heads/shopzier/shift-prod-v2");
    await assert.rejects((await proposals()).propose(STEP), /commits of others on the branch[\s\S]*repair: /);
    assert.equal(await git("ls-remote", "origin", "refs/heads/shopzier/shift-prod-v2"), mine);
    await git("push", "--quiet", "origin", "--delete", "shopzier/shift-prod-v2");
    forge.refuse = 403;
    await assert.rejects(
      (await proposals()).propose(STEP),
      /GitHub refused GET .* \(403\)[\s\S]*repair: {2}set GITHUB_TOKEN to a token that may write contents and pull requests/,
    );
  });

  it("judges what is deployed, not what is only merged", () => {
    assert.deepEqual(deployed(site(), { v1: 90, v2: 10 }), { v1: "rest", v2: 10 });
    assert.throws(
      () => deployed(site(), { v1: 95, v2: 5 }),
      /found v1 90, v2 10 in Pulumi\.prod\.yaml and v1 95, v2 5 on the route[\s\S]*repair: {2}deploy/,
    );
    const mark = {
      version: "v2",
      to: 100,
      before: { v1: "rest", v2: 10 },
      at: "",
      ended: "went back",
    } as const;
    assert.equal(isGoingBack(mark, "v2", { v1: 75, v2: 25 }), true);
    assert.equal(isGoingBack(mark, "v2", { v1: 90, v2: 10 }), false);
  });

  it("proposes the next step, the way back or nothing, by the evidence of what is deployed", async () => {
    const run = async (share: number, bad: number, rate = 100) => {
      const mark = { version: "v2", to: 100, before: { v1: "rest", v2: 10 }, at: "" } as const;
      const deployedSite = new Site(
        { v1: "rest", v2: share },
        { rate, bad: (name) => (name === "v2" ? bad : 0) },
      );
      deployedSite.mark = mark;
      const proposed: unknown[] = [];
      const outcome = await runOn(deployedSite, {
        propose: (way, weights) => {
          proposed.push([way, weights]);
          return Promise.resolve("there");
        },
      });
      // Nothing is written by this run itself.
      assert.deepEqual(
        [deployedSite.file, deployedSite.ups, deployedSite.history.length],
        [{ v1: "rest", v2: share }, [], 1],
      );
      return { outcome, proposed, ended: deployedSite.mark.ended };
    };
    assert.deepEqual(await run(10, 0), {
      ...{ outcome: "proposed", proposed: [["on", { v1: "rest", v2: 25 }]], ended: undefined },
    });
    assert.deepEqual(await run(25, 0), {
      ...{ outcome: "proposed", proposed: [["on", { v1: "rest", v2: 50 }]], ended: undefined },
    });
    assert.deepEqual(await run(25, 0.2), {
      ...{ outcome: "proposed back", proposed: [["back", { v1: "rest", v2: 10 }]], ended: "went back" },
    });
    assert.deepEqual(await run(25, 0, 0), { outcome: "held", proposed: [], ended: undefined });
    assert.deepEqual(await run(100, 0), { outcome: "arrived", proposed: [], ended: "arrived" });
  });

  it("finds the project of usual addresses", () => {
    const project = { host: "git.example.com", path: "shop/mesh" };
    for (const address of [
      "https://git.example.com/shop/mesh.git",
      "https://user:secret@git.example.com/shop/mesh",
      "ssh://git@git.example.com:2222/shop/mesh.git",
      "git@git.example.com:shop/mesh.git",
    ])
      assert.deepEqual(projectOf(address), project, address);
    assert.equal(projectOf("/srv/git/mesh.git"), undefined);
  });
});
