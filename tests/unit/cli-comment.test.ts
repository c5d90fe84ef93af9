import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { comment } from "../../cli/comment/comment";
import { shortened } from "../../cli/comment/shortened";
import type { Report } from "../../cli/diff/report";
import { marker } from "../../cli/report/markdown";
import { ForgeServer, type Pull } from "../support/forges";

const SHA = "a".repeat(40);
const PULL: Pull = { number: 7, sha: SHA, owner: "shop", branch: "shift", repository: 1 };
const FORK: Pull = { ...PULL, owner: "stranger", branch: "main", repository: 2 };

const QUIET: Report = {
  title: "prod",
  sides: { before: "main", after: "shift" },
  headline: "prod: nothing changes for requests. No object changes.",
  rules: [],
  settings: [],
  risks: [],
  objects: [],
  notShown: [],
  digests: { before: "0".repeat(64), after: "0".repeat(64) },
};
const SHIFT: Report = {
  ...QUIET,
  headline: "prod: v2 5 % → 20 %.",
  objects: [{ operation: "update", object: "VirtualService category/category" }],
};

const RISK = { code: "[x](https://evil.example)", level: "high", where: "", why: "", fix: "" };

describe("shopzier comment", () => {
  let server: ForgeServer;
  let folder: string;
  let base: string;
  const file = (): string => path.join(folder, "report.json");
  const report = (...reports: Report[]): void => {
    fs.writeFileSync(file(), JSON.stringify({ version: 1, reports }));
  };
  const gitHub = (event: unknown): Record<string, string> => {
    fs.writeFileSync(path.join(folder, "event.json"), JSON.stringify(event));
    return {
      GITHUB_EVENT_PATH: path.join(folder, "event.json"),
      GITHUB_REPOSITORY: "shop/mesh",
      GITHUB_API_URL: base,
      GITHUB_GRAPHQL_URL: `${base}/graphql`,
      GITHUB_SERVER_URL: "https://forge.example",
      GITHUB_RUN_ID: "99",
      GITHUB_TOKEN: "secret-token",
    };
  };
  const gitLab = (): Record<string, string> => ({
    CI_API_V4_URL: base,
    CI_PROJECT_ID: "42",
    CI_MERGE_REQUEST_IID: "7",
    CI_COMMIT_SHA: SHA,
    CI_PIPELINE_URL: "https://forge.example/pipelines/99",
    GITLAB_TOKEN: "secret-token",
  });
  /** With short pauses. */
  const run = (env: Record<string, string>) => comment(file(), env, { pause: 0.001, longestWait: 5 });
  const refusal = async (env: Record<string, string>): Promise<string> => {
    try {
      await run(env);
    } catch (error) {
      assert.equal((error as Error).name, "SourceError");
      assert.ok(!(error as Error).message.includes("secret-token"));
      return (error as Error).message;
    }
    return assert.fail("nothing was refused");
  };

  const pullRequest = (sha = SHA) => ({
    action: "synchronize",
    number: 7,
    pull_request: { number: 7, head: { sha } },
  });
  const workflowRun = ({ owner, branch, repository, sha }: Pull, event = "pull_request") => ({
    action: "completed",
    workflow_run: {
      event,
      head_sha: sha,
      head_branch: branch,
      html_url: "https://forge.example/runs/5",
      head_repository: { id: repository, owner: { login: owner } },
      pull_requests: [],
    },
  });

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "shopzier-comment-"));
    server = new ForgeServer();
    base = await server.start();
  });
  beforeEach(() => {
    server.comments.length = server.pulls.length = server.requests.length = 0;
    server.faults = [];
    server.me = "github-actions[bot]";
    server.longest = 65_536;
    server.pulls.push(PULL);
    report(SHIFT);
  });
  after(() => {
    server.stop();
    fs.rmSync(folder, { recursive: true });
  });

  for (const [forge, env] of [
    // GitHub's event of a force push differs from another push in `before` and `after` alone.
    ["GitHub", (sha = SHA) => gitHub({ ...pullRequest(sha), before: "c".repeat(40), after: sha })],
    ["GitLab", (sha = SHA) => ({ ...gitLab(), CI_COMMIT_SHA: sha })],
  ] as const)
    describe(`in ${forge}`, () => {
      it("makes one comment for each stack, and updates it in place", async () => {
        const staging = { ...SHIFT, title: "staging", headline: "staging: v2 50 % → 60 %." };
        report(SHIFT, staging);
        assert.match(
          (await run(env())).join("\n"),
          /^prod: comment created in .* 7 .*\nstaging: comment created/,
        );
        report({ ...SHIFT, headline: "prod: v2 5 % → 30 %." }, staging);
        assert.match((await run(env())).join("\n"), /^prod: comment updated .*\nstaging: comment updated/);
        assert.equal(server.comments.length, 2);
        const prod = server.comments[0]?.body ?? "";
        assert.ok(prod.startsWith(`${marker("prod")}\n\n### prod: v2 5 % → 30 %.`));
        assert.match(prod, /Commit aaaaaaa, \[run\]\(https:\/\/forge\.example\/\S+\)<\/sub>\n$/);
      });

      it("finds its comment on a later page", async () => {
        const own = server.add(server.me, `${marker("prod")}\n\nold`);
        server.comments.unshift(
          ...Array.from({ length: 230 }, (_, id) => ({ id: id + 1000, author: "a", body: "hi" })),
        );
        await run(env());
        assert.match(own.body, /v2 5 % → 20 %/);
        assert.equal(server.comments.length, 231);
      });

      it("leaves the comments of others alone, whatever they say", async () => {
        const forged = server.add("mallory", `${marker("prod")}\n\n### prod: harmless`);
        await run(env());
        assert.equal(forged.body, `${marker("prod")}\n\n### prod: harmless`);
        assert.equal(server.comments.length, 2);
      });

      it("updates its comment after a force push, and is silent for the commit that was replaced", async () => {
        await run(env());
        const sha = "b".repeat(40);
        server.pulls[0] = { ...PULL, sha };
        assert.match((await run(env())).join(), /about aaaaaaa, which is the head of no open/);
        assert.match(server.comments[0]?.body ?? "", /Commit aaaaaaa/);
        await run(env(sha));
        assert.equal(server.comments.length, 1);
        assert.match(server.comments[0]?.body ?? "", /Commit bbbbbbb/);
      });

      it("says that nothing changes, without a comment for each stack that has none", async () => {
        report(QUIET);
        await run(env());
        assert.match(server.comments[0]?.body ?? "", /nothing changes for requests/);
        const steps = async (...reports: Report[]): Promise<string[]> => {
          report(...reports);
          return (await run(env())).map((line) => line.split(" in ")[0] ?? "");
        };
        const dev = { ...QUIET, title: "dev" };
        const staging = { ...SHIFT, title: "staging" };
        assert.deepEqual(await steps(QUIET, staging, dev), [
          "prod: comment updated",
          "staging: comment created",
        ]);
        assert.deepEqual(await steps(QUIET, dev), ["prod: comment updated", "all stacks: comment created"]);
        const all = server.comments.at(-1);
        assert.match(all?.body ?? "", /### Nothing changes for requests\n\nStacks: `prod`, `dev`\n/);
        await steps(SHIFT, dev);
        assert.match(all?.body ?? "", /### What changes stands in the comment of each stack\n/);
      });

      it("says that there is no report, until there is one", async () => {
        fs.rmSync(file());
        await run(env());
        const [only] = server.comments;
        assert.match(only?.body ?? "", /### No report about this commit[^]*is missing/);
        report(SHIFT);
        await run(env());
        assert.match(only?.body ?? "", /### What changes stands in the comment of each stack/);
        assert.equal(server.comments.length, 2);
      });

      it("shows why a report is not whole", async () => {
        report({ ...SHIFT, headline: "prod: weights sum to 110", error: "SM0406: weights sum to 110" });
        await run(env());
        assert.match(server.comments[0]?.body ?? "", /```text\nSM0406: weights sum to 110\n```/);
      });

      it("cuts what is too long, and says so", async () => {
        server.longest = 3000;
        const objects = Array.from({ length: 200 }, (_, id) => ({
          operation: "update" as const,
          object: `ConfigMap category/${id}`,
        }));
        report({ ...SHIFT, objects });
        assert.match((await run(env())).join(), /cut at \d+ characters because it is too long/);
        const body = server.comments[0]?.body ?? "";
        assert.ok(body.length <= 3000 && body.startsWith(marker("prod")));
        assert.match(body, /\n<\/details>\n\n\*\*Cut\*\*: \d+ of \d+ characters/);
      });

      it("tries again what passes, without a second comment", async () => {
        server.faults = [
          { method: "GET", status: 502 },
          { method: "POST", status: 503, done: true },
        ];
        await run(env());
        assert.equal(server.comments.length, 1);
        server.faults = Array.from({ length: 9 }, () => ({ method: "GET", status: 500 }));
        assert.match(await refusal(env()), /answered 500 to GET .*, 4 times\.\n {2}repair:/);
      });

      it("waits for a rate limit, but not for long", async () => {
        server.faults = [{ method: "POST", status: 429, headers: { "retry-after": "0" } }];
        await run(env());
        assert.equal(server.comments.length, 1);
        server.faults = [{ method: "GET", status: 429, headers: { "retry-after": "1800" } }];
        assert.match(
          await refusal(env()),
          /limits the rate of requests \(429\)\. It ends in 1800 seconds; at most 5 are/,
        );
      });

      it("says that the address is of no API", async () => {
        server.faults = [{ method: "GET", status: 200, body: "<html>" }];
        assert.match(await refusal(env()), /is the address of the API/);
      });
    });

  describe("of GitHub", () => {
    it("names the missing right", async () => {
      const message = "Resource not accessible by integration";
      server.faults = [{ method: "POST", status: 403, body: { message } }];
      assert.match(
        await refusal(gitHub(pullRequest())),
        /^GitHub refused POST \/repos\/shop\/mesh\/issues\/7\/comments \(403\): Resource not[^]*pull-requests: write/,
      );
    });

    it("tells a rate limit from a missing right", async () => {
      const reset = String(Math.floor(Date.now() / 1000) + 3000);
      for (const fault of [
        { headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset } },
        { body: { message: "You have exceeded a secondary rate limit." } },
      ]) {
        server.faults = [{ method: "GET", status: 403, ...fault }];
        assert.match(await refusal(gitHub(pullRequest())), /limits the rate of requests \(403\)/);
      }
    });

    it("says what is wrong with the token, and that a conversation is locked", async () => {
      const env = gitHub(pullRequest());
      assert.match(await refusal({ ...env, GITHUB_TOKEN: "other" }), /401\): Bad credentials\n {2}repair:/);
      assert.match(await refusal({ ...env, GITHUB_TOKEN: "" }), /GITHUB_TOKEN is not set/);
      const body = { message: "Unable to create comment because issue is locked." };
      server.faults = [{ method: "POST", status: 403, body }];
      assert.match(await refusal(env), /unlock the conversation/);
    });

    for (const [whose, pull] of [
      ["a fork", FORK],
      ["this repository", PULL],
    ] as const)
      it(`finds the pull request of a workflow_run of ${whose} by its head`, async () => {
        server.pulls[0] = pull;
        // The same branch in another fork, and an older commit.
        server.pulls.push({ ...pull, number: 8, repository: 3 }, { ...pull, number: 9, sha: "c".repeat(40) });
        assert.match(
          (await run(gitHub(workflowRun(pull)))).join(),
          /created in pull request 7 of shop\/mesh/,
        );
        assert.match(server.comments[0]?.body ?? "", /\[run\]\(https:\/\/forge\.example\/runs\/5\)/);
      });

    it("is silent for a workflow_run whose pull request is closed, moved on, or was none", async () => {
      server.pulls.length = 0;
      assert.match((await run(gitHub(workflowRun(FORK)))).join(), /head of no open request/);
      assert.match((await run(gitHub(workflowRun(FORK, "push")))).join(), /started by push/);
      assert.equal(server.comments.length, 0);
    });

    it("does not guess between two pull requests of one head", async () => {
      server.pulls.push({ ...PULL, number: 8 });
      assert.match(await refusal(gitHub(workflowRun(PULL))), /7 and 8 have the same head/);
    });

    it("refuses an event without a pull request", async () => {
      assert.match(await refusal(gitHub({ ref: "refs/heads/main" })), /has no pull request[^]*workflow_run/);
    });
  });

  describe("of GitLab", () => {
    it("names the missing right", async () => {
      const body = { error: "insufficient_scope", error_description: "more" };
      server.faults = [{ method: "POST", status: 403, body }];
      assert.match(await refusal(gitLab()), /\(403\): insufficient_scope\n {2}repair: .*scope api/);
      assert.match(await refusal({ ...gitLab(), GITLAB_TOKEN: "" }), /GITLAB_TOKEN is not set/);
    });

    it("takes the commit of the branch in a pipeline of the merged result", async () => {
      await run({ ...gitLab(), CI_COMMIT_SHA: "d".repeat(40), CI_MERGE_REQUEST_SOURCE_BRANCH_SHA: SHA });
      assert.match(server.comments[0]?.body ?? "", /Commit aaaaaaa/);
    });

    it("refuses a pipeline without a merge request", async () => {
      assert.match(await refusal({ ...gitLab(), CI_MERGE_REQUEST_IID: "" }), /merge_request_event/);
    });
  });

  it("refuses to run elsewhere", async () => {
    assert.match(await refusal({}), /no run of GitHub Actions or GitLab CI/);
  });

  describe("of a file that a pull request's code wrote", () => {
    const commented = async (text: string): Promise<string> => {
      fs.writeFileSync(file(), text);
      await run(gitHub(pullRequest()));
      return server.comments[0]?.body ?? "";
    };

    it("writes no Markdown of the file, nor its number", async () => {
      const body = await commented(
        JSON.stringify({
          version: 1,
          number: 8,
          markdown: "[free](https://evil.example)",
          reports: [
            { ...SHIFT, headline: "@all [free](https://evil.example)<img src=x>", body: "x", number: 8 },
          ],
        }),
      );
      assert.match(body, /### @\u200ball \\\[free\\\]\(https:\u200b\/\/evil\.example\)\\<img src=x\\>/);
      assert.ok(server.requests.every((request) => !request.includes("/8")));
    });

    it("shows every text of the file as text", async () => {
      const evil = "[x](https://evil.example)<img src=x>|\r```\r# h\n\n# h @all";
      const share = { to: evil, percent: 50 };
      const target = { kind: "split", shares: [share, { ...share, to: "v2" }] } as const;
      const hostile: Report = {
        title: "<b>x</b>[x](y)",
        sides: { before: evil, after: evil },
        headline: evil,
        error: evil,
        rules: [
          {
            kind: "changed",
            virtualService: evil,
            hosts: [evil],
            rule: evil,
            match: evil,
            before: target,
            after: target,
          },
          {
            kind: "added",
            virtualService: evil,
            hosts: [],
            rule: evil,
            match: evil,
            after: { kind: "redirect", to: evil },
          },
        ],
        settings: [{ object: evil, field: evil, before: evil, after: evil, added: evil, removed: evil }],
        risks: [{ code: "W001", level: "high", where: evil, why: evil, fix: evil }],
        objects: [{ operation: "update", object: evil }],
        notShown: [evil],
        digests: { before: evil, after: evil },
        requests: {
          file: { name: evil, total: 2, unchanged: 1 },
          groups: [{ kind: "moved", what: evil, before: evil, after: evil, count: 1, example: evil }],
        },
      };
      const body = await commented(JSON.stringify({ version: 1, reports: [hostile] }));
      assert.match(body, /\*\*Risks\*\*/);
      const [, ...lines] = body.split("\n");
      const outside = lines
        .join("\n")
        .replace(/^(`{3,})\w*\n[^]*?\n\1$/gm, "")
        .replace(/(`+)[^`\n][^\n]*?[^`]\1(?!`)/g, "");
      assert.doesNotMatch(outside, /(?<!\\)<(img|b)|(?<!\\)\[x|@all|^# h|\r/m);
    });

    for (const [what, text] of [
      ["no JSON, without a word of it", "TOKEN=hunter2"],
      ["a foreign report", JSON.stringify({ version: 2, reports: [] })],
      ["a title of two lines", JSON.stringify({ version: 1, reports: [{ ...SHIFT, title: "a\nb" }] })],
      ["a code that is Markdown", JSON.stringify({ version: 1, reports: [{ ...SHIFT, risks: [RISK] }] })],
      ["no report", JSON.stringify({ version: 1, reports: [] })],
      ["two reports of a stack", JSON.stringify({ version: 1, reports: [SHIFT, SHIFT] })],
    ] as const)
      it(`says that it is broken: ${what}`, async () => {
        const body = await commented(text);
        assert.match(body, /### No report about this commit[^]*repair: {2}write it with `shopzier diff/);
        assert.ok(!body.includes("hunter2"));
      });

    it("follows no link", async () => {
      fs.rmSync(file());
      fs.symlinkSync(path.join(folder, "event.json"), file());
      await run(gitHub(pullRequest()));
      fs.rmSync(file());
      assert.match(server.comments[0]?.body ?? "", /report\.json is missing/);
    });

    it("makes no hundred comments", async () => {
      report(...Array.from({ length: 100 }, (_, id) => ({ ...SHIFT, title: `s${id}` })));
      assert.match(await refusal(gitHub(pullRequest())), /has 100 reports, at most 30 make comments/);
      assert.equal(server.comments.length, 0);
    });
  });
});

describe("a comment that is cut", () => {
  it("closes what is open", () => {
    const text = ["a", "<details><summary>x</summary>", "", "````text", "```", "b", "c"].join("\n");
    assert.match(shortened(text, text.length - 1), /```\nb\n\n````\n\n<\/details>\n\n\*\*Cut\*\*/);
  });
});
