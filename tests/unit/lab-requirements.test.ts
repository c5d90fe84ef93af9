import { execa } from "execa";
import assert from "node:assert/strict";
import path from "node:path";
import { type Machine, problemsOf } from "../../lab/requirements";

const machine: Machine = {
  isRoot: true,
  goVersion: "go version go1.26.0 linux/amd64",
  hasPython: true,
  hasApt: true,
  missingPackages: ["containerd"],
  clashingRoutes: [],
  freeGigabytes: 12,
  isCached: false,
  cache: "/home/ada/.cache/shopzier-mesh",
  checkout: "/srv/shopzier",
};

describe("lab requirements", () => {
  it("accept a machine at the limits, with packages that apt can install", () => {
    assert.deepEqual(problemsOf(machine), []);
    assert.deepEqual(problemsOf({ ...machine, isCached: true, freeGigabytes: 3 }), []);
  });

  const cases: readonly [Partial<Machine>, RegExp][] = [
    [{ isRoot: false }, /by root/],
    [{ goVersion: undefined }, /Go is not on PATH: install Go 1\.26/],
    [{ goVersion: "go version go1.25.9 linux/amd64" }, /Go 1\.25 is too old: install 1\.26/],
    [{ hasPython: false }, /python3-venv/],
    [{ hasApt: false, missingPackages: ["runc", "buildah"] }, /no apt-get to install them: runc, buildah/],
    [
      { clashingRoutes: ["10.88.0.0/16 dev cni-podman0"] },
      /already has routes .*: 10\.88\.0\.0\/16 dev cni-podman0$/,
    ],
    [{ freeGigabytes: 11.94 }, /11\.9 GB are free for .*, 12 GB are needed/],
    [{ isCached: true, freeGigabytes: 2.9 }, /2\.9 GB are free for .*, 3 GB are needed/],
    [
      { cache: "/var/lib/ci/.cache/shopzier-mesh" },
      /\/var\/lib\/ci\/\.cache\/shopzier-mesh may not be below/,
    ],
    [{ checkout: "/run/build" }, /\/run\/build may not be below/],
  ];
  for (const [change, message] of cases)
    it(`report ${JSON.stringify(change)}`, () => {
      const problems = problemsOf({ ...machine, ...change });
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? "", message);
    });

  // `status`, because it changes nothing; every command has the check.
  for (const [property, value, found] of [
    ["platform", "darwin", "darwin on x64"],
    ["arch", "arm64", "linux on arm64"],
  ] as const)
    it(`stop each command at once on ${found}`, async () => {
      const command = path.resolve(__dirname, "../../lab/cli.ts");
      const elsewhere = `Object.defineProperty(process, "${property}", { value: "${value}" }); require(${JSON.stringify(command)});`;
      const { exitCode, all } = await execa(
        "node",
        ["-r", "ts-node/register/transpile-only", "-e", elsewhere, "status"],
        { reject: false, all: true },
      );
      assert.equal(exitCode, 1);
      assert.match(all, new RegExp(`Linux on x64 only; this is ${found}`));
      assert.match(all, /pulumi up --stack dev/);
      assert.doesNotMatch(all, /\n +at /);
    }).timeout(15_000);

  it("report all problems at once", () => {
    const bare = {
      ...machine,
      isRoot: false,
      goVersion: undefined,
      hasPython: false,
      hasApt: false,
      freeGigabytes: 1,
    };
    assert.equal(problemsOf(bare).length, 5);
  });
});
