import assert from "node:assert/strict";
import { lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { SourceError } from "../../cli/sources/source-error";
import { StackSite } from "../../cli/sources/stack-site";

describe("the stack of a shift", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "shopzier-site-"));
  const text =
    "config:\n  kubernetes:context: prod\n  shop:traffic:\n    weights: # one number\n      v1: rest\n      v2: 10 # here\n";
  before(() => {
    writeFileSync(path.join(folder, "Pulumi.yaml"), "name: shop\nruntime: nodejs\n");
    writeFileSync(path.join(folder, "kept.yaml"), text, { mode: 0o640 });
    symlinkSync(path.join(folder, "kept.yaml"), path.join(folder, "Pulumi.prod.yaml"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it("is the only one, unless it is named; it says which cluster", () => {
    const site = StackSite.open(folder);
    assert.deepEqual(
      [site.stack, site.cluster({}), site.weights()],
      ["prod", { context: "prod" }, { v1: "rest", v2: 10 }],
    );
    assert.throws(
      () => StackSite.open(folder, "dev"),
      (error) =>
        error instanceof SourceError &&
        /^stack: found dev\n {2}allowed: prod\n {2}repair: {2}--stack/.test(error.message),
    );
    assert.throws(
      () => StackSite.open(tmpdir()),
      /stack: found none\n {2}allowed: none, since the folder has no/,
    );
  });

  it("gets its weights in the file, whose comments, rights and link stay", () => {
    StackSite.open(folder).write({ v1: "rest", v2: 25 });
    const file = path.join(folder, "Pulumi.prod.yaml");
    assert.equal(readFileSync(file, "utf8"), text.replace("10 # here", "25 # here"));
    assert.ok(lstatSync(file).isSymbolicLink());
    assert.equal(statSync(file).mode & 0o777, 0o640);
  });
});
