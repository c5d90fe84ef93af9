import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parse } from "yaml";

const ROOT = path.resolve(__dirname, "../..");
const FOLDER = path.join(ROOT, ".github/workflows");
const read = (file: string): string => fs.readFileSync(path.join(ROOT, file), "utf8");

interface Step {
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}
type Permissions = Readonly<Record<string, string>>;
interface Job {
  readonly if?: string;
  readonly permissions?: Permissions;
  readonly environment?: string;
  readonly "timeout-minutes"?: number;
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly name: string;
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: Permissions;
  readonly concurrency?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const files = fs.readdirSync(FOLDER).map((file) => `.github/workflows/${file}`);
const workflows = new Map(files.map((file) => [path.basename(file, ".yml"), parse(read(file)) as Workflow]));
const workflow = (name: string): Workflow => workflows.get(name) ?? assert.fail(name);
const action = parse(read("action.yml")) as {
  readonly inputs: Readonly<Record<string, { readonly default: string }>>;
  readonly runs: { readonly steps: readonly Step[] };
};
const jobs = [...workflows].flatMap(([file, { jobs: all }]) =>
  Object.entries(all).map(([name, job]) => ({ name: `${file}: ${name}`, file, job })),
);
const steps = [...jobs.flatMap(({ job }) => job.steps), ...action.runs.steps];
const writes = (permissions: Permissions | undefined): string[] =>
  Object.entries(permissions ?? {})
    .filter(([, right]) => right !== "read" && right !== "none")
    .map(([name]) => name);

describe("workflows", () => {
  it("are those that the documentation names", () => {
    assert.deepEqual([...workflows.keys()].sort(), ["ci", "comment", "deploy", "preview", "publish", "site"]);
    assert.ok(steps.length > 20);
  });

  it("pin actions by commit, each to one, and say its version", () => {
    const pins = new Map<string, string>();
    for (const file of [...files, "action.yml"])
      for (const [, uses = ""] of read(file).matchAll(/uses: (.*)/g)) {
        if (uses === "./") continue;
        const [, name = "", pin = ""] = /^([\w/-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)$/.exec(uses) ?? [];
        assert.notEqual(pin, "", `${file}: ${uses}`);
        assert.equal(pins.get(name) ?? pin, pin, `${file}: ${name}`);
        pins.set(name, pin);
      }
  });

  it("do not run with rights on a pull request's code", () => {
    for (const [name, { on }] of workflows) {
      assert.ok(!("pull_request_target" in on), name);
      if (!("pull_request" in on)) continue;
      assert.ok(!JSON.stringify(workflow(name)).includes("secrets"), name);
      assert.deepEqual(writes(workflow(name).permissions), [], name);
      for (const job of Object.values(workflow(name).jobs))
        assert.deepEqual([job.permissions, job.environment], [undefined, undefined], name);
    }
  });

  it("have the least rights: one job may write comments, one the site, and two say which workflow they are", () => {
    for (const [name, { permissions }] of workflows) {
      assert.ok(permissions, name);
      assert.deepEqual(writes(permissions), [], name);
    }
    const writing = jobs.filter(({ job }) => writes(job.permissions).length > 0);
    assert.deepEqual(
      writing.map(({ name, job }) => [name, job.permissions]),
      [
        ["comment: comment", { actions: "read", contents: "read", "pull-requests": "write" }],
        ["publish: publish", { contents: "read", "id-token": "write" }],
        ["site: deploy", { pages: "write", "id-token": "write" }],
      ],
    );
  });

  it("comment with the default branch's code, for the pull request that GitHub names", () => {
    const { on, jobs: all } = workflow("comment");
    assert.deepEqual(on, { workflow_run: { workflows: [workflow("preview").name], types: ["completed"] } });
    const job = all.comment ?? assert.fail();
    assert.match(job.if ?? "", /workflow_run\.event == 'pull_request'/);
    const checkouts = job.steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"));
    assert.deepEqual(
      checkouts.map((step) => step.with?.ref),
      ["${{ github.event.repository.default_branch }}"],
    );
    assert.ok(!JSON.stringify(job.steps).includes("workflow_run.head"));
  });

  it("deploy the site of the main branch alone, and build that of a pull request by the same command", () => {
    const { deploy, build } = workflow("site").jobs;
    assert.equal(deploy?.if, "github.ref == 'refs/heads/main'");
    const built = [build, workflow("ci").jobs.site].map((job) =>
      job?.steps.map(({ run }) => run ?? "").join(),
    );
    for (const commands of built) assert.match(commands ?? "", /npm run docs:site/);
  });

  it("put no text of others into a shell", () => {
    for (const { run } of steps) assert.ok(!run?.includes("${{"), run);
  });

  it("end, run once for each pull request or stack, and leave no token in the checkout", () => {
    for (const { name, job } of jobs) assert.ok(job["timeout-minutes"], name);
    for (const [name, { concurrency }] of workflows) assert.ok(concurrency, name);
    for (const step of steps.filter(({ uses }) => uses?.startsWith("actions/checkout@")))
      assert.equal(step.with?.["persist-credentials"], false);
  });

  it("update a stack only after an approval that still holds", () => {
    const { report, up } = workflow("deploy").jobs;
    assert.equal(report?.environment, "${{ inputs.stack }}-preview");
    assert.equal(up?.environment, "${{ inputs.stack }}");
    const commands = up.steps.map(({ run }) => run ?? "");
    const [check, update] = ["shopzier check --report report.json", "pulumi up"].map((command) =>
      commands.findIndex((run) => run.includes(command)),
    );
    assert.ok(check !== undefined && update !== undefined && check > 0 && check < update);
  });
});

describe("publish.yml", () => {
  const { on, jobs: all } = workflow("publish");
  const job = all.publish ?? assert.fail();
  let folder: string;
  const run = (name: string, cwd: string, tag: string): string =>
    execFileSync("bash", ["-eo", "pipefail", "-c", job.steps.find((step) => step.name === name)?.run ?? ""], {
      cwd: path.join(folder, cwd),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      env: {
        PATH: process.env.PATH,
        GITHUB_REF_NAME: tag,
        GITHUB_SERVER_URL: "https://git.example.com",
        GITHUB_REPOSITORY: "shop/mesh",
      },
    });
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "shopzier-publish-"));
    fs.mkdirSync(path.join(folder, "components"));
    fs.copyFileSync(path.join(ROOT, "components/package.json"), path.join(folder, "components/package.json"));
    fs.writeFileSync(path.join(folder, "CHANGELOG.md"), "## [0.1.0] - 2026-12-01\n");
  });
  after(() => {
    fs.rmSync(folder, { recursive: true });
  });

  it("runs for tags alone, after an approval that the environment may ask for, and has no token", () => {
    assert.deepEqual(on, { push: { tags: ["v*"] } });
    assert.equal(job.environment, "npm");
    assert.ok(!JSON.stringify(job).includes("secrets"));
  });

  it("tests what it publishes, with provenance", () => {
    const commands = job.steps.map((step) => step.run ?? "");
    const publish = commands.findIndex((command) => command.startsWith("npm publish"));
    assert.match(commands[publish] ?? "", /--workspace components --provenance --access public$/);
    assert.ok(commands.indexOf("npm test") < publish);
  });

  it("refuses a tag that is not the version, and a version without a changelog", () => {
    const name = "The tag is the version of the package, which the changelog has";
    assert.equal(run(name, ".", "v0.1.0"), "");
    assert.throws(() => run(name, ".", "v0.2.0"), { stdout: /^::error::The tag is v0\.2\.0; the version/ });
    fs.writeFileSync(path.join(folder, "CHANGELOG.md"), "## [Unreleased]\n");
    assert.throws(() => run(name, ".", "v0.1.0"), {
      stdout: /^::error::CHANGELOG\.md has no section \[0\.1\.0\]/,
    });
  });

  it("names the repository that it runs in", () => {
    run("Name the repository", "components", "v0.1.0");
    const { repository, homepage, bugs } = JSON.parse(
      fs.readFileSync(path.join(folder, "components/package.json"), "utf8"),
    ) as Record<string, unknown>;
    assert.deepEqual(
      { repository, homepage, bugs },
      {
        repository: {
          type: "git",
          url: "git+https://git.example.com/shop/mesh.git",
          directory: "components",
        },
        homepage: "https://git.example.com/shop/mesh/tree/v0.1.0/components#readme",
        bugs: { url: "https://git.example.com/shop/mesh/issues" },
      },
    );
  });
});

describe("the action", () => {
  const step = (name: string): Step =>
    action.runs.steps.find((one) => one.name === name) ?? assert.fail(name);

  it("has two halves, and a token in that which runs no code of a pull request", () => {
    for (const one of action.runs.steps.filter(({ uses }) => !uses?.startsWith("actions/setup-node@"))) {
      const [, event = ""] = /github\.event_name == '(pull_request|workflow_run)'/.exec(one.if ?? "") ?? [];
      assert.notEqual(event, "", one.name);
      if (event === "pull_request") assert.ok(!/token/i.test(JSON.stringify(one)), one.name);
    }
  });

  it("runs the version of the package that it belongs to", () => {
    const { version } = JSON.parse(read("components/package.json")) as { version: string };
    assert.equal(action.inputs.command?.default, `npx --yes --package shopzier-mesh@${version} shopzier`);
  });

  describe("in a checkout", () => {
    let folder: string;
    const git = (...args: string[]): string =>
      execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.com", ...args], {
        cwd: folder,
        encoding: "utf8",
      }).trim();
    const run = (name: string, more: Record<string, string> = {}): string =>
      execFileSync("bash", ["-eo", "pipefail", "-c", step(name).run ?? ""], {
        cwd: folder,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
        env: { PATH: process.env.PATH, COMMAND: "echo ran", REPORT: `${folder}/a b/report.json`, ...more },
      }).trim();
    before(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), "shopzier-action-"));
      git("init", "--quiet", "--initial-branch=main");
      for (const branch of ["main", "shift"]) {
        if (branch !== "main") git("checkout", "--quiet", "-b", branch);
        git("commit", "--quiet", "--allow-empty", "--message", branch);
      }
    });
    after(() => {
      fs.rmSync(folder, { recursive: true });
    });

    it("refuses one that is no merge", () => {
      assert.throws(() => run("Compare the merge with its base"), {
        stdout: /^::error::HEAD is no merge commit/,
      });
    });

    it("compares the merge with its first parent", () => {
      git("checkout", "--quiet", "main");
      git("commit", "--quiet", "--allow-empty", "--message", "moved on");
      git("merge", "--quiet", "--no-ff", "--message", "merge", "shift");
      assert.equal(
        run("Compare the merge with its base", { ARGUMENTS: "--fail-on high" }),
        `ran diff --from ${git("rev-parse", "HEAD^1")} --to ${git("rev-parse", "HEAD")} --install --format json --output ${folder}/a b/report.json --fail-on high`,
      );
      assert.ok(fs.existsSync(`${folder}/a b`));
    });

    it("hands the report to the comment", () => {
      assert.equal(run("Comment"), `ran comment ${folder}/a b/report.json`);
    });
  });
});

describe("docs/pull-requests.md", () => {
  it("shows workflows with the rights and pins of this repository", () => {
    const guide = read("docs/pull-requests.md");
    const shown = [...guide.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(
      ([, text = ""]) => parse(text) as Workflow,
    );
    assert.deepEqual(
      shown.map(({ name, permissions }) => [name, writes(permissions)]),
      [
        ["preview", []],
        ["comment", ["pull-requests"]],
      ],
    );
    assert.deepEqual(shown[1]?.on, workflow("comment").on);
    const own = files.map(read).join("\n");
    for (const [, pin = ""] of guide.matchAll(/uses: (actions\/.*)/g)) assert.ok(own.includes(pin), pin);
  });
});

describe("GitLab's pipeline", () => {
  interface GitLabJob {
    readonly script: readonly string[];
    readonly environment?: { readonly name: string };
    readonly variables: Readonly<Record<string, string>>;
    readonly rules?: readonly { readonly if: string; readonly when: string }[];
  }
  const { report, comment } = parse(read(".gitlab-ci.yml")) as { report: GitLabJob; comment: GitLabJob };

  it("comments with the default branch's code, and gives the token to that job alone", () => {
    assert.equal(report.environment, undefined);
    assert.equal(comment.environment?.name, "comment");
    assert.equal(comment.variables.GIT_STRATEGY, "none");
    assert.match(
      comment.script[0] ?? "",
      /^git clone .*--branch "\$CI_DEFAULT_BRANCH" "\$CI_REPOSITORY_URL" \/tmp\//,
    );
    assert.equal(comment.script[1], "cd /tmp/trusted");
    assert.deepEqual(comment.rules, [
      { if: "$CI_PROJECT_PATH == $CI_MERGE_REQUEST_PROJECT_PATH", when: "always" },
    ]);
  });

  it("quotes what it puts into a shell", () => {
    for (const line of [...report.script, ...comment.script])
      assert.ok(!/\$/.test(line.replace(/"[^"]*"/g, "")), line);
  });
});
