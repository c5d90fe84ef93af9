import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { contentHash, hashFolder } from "../../lab/cache";

describe("lab cache keys", () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "lab-cache-"));
    fs.mkdirSync(path.join(folder, "src"));
    fs.writeFileSync(path.join(folder, "go.mod"), "module a");
    fs.writeFileSync(path.join(folder, "src", "main.go"), "package main");
  });
  afterEach(() => {
    fs.rmSync(folder, { recursive: true });
  });

  it("distinguish parts", () => {
    assert.equal(contentHash("ab", "c"), contentHash("ab", "c"));
    assert.notEqual(contentHash("ab", "c"), contentHash("a", "bc"));
    assert.notEqual(contentHash("a", "b"), contentHash("b", "a"));
  });

  it("depend on content and names of files, not on their times", () => {
    const key = hashFolder(folder);
    fs.utimesSync(path.join(folder, "go.mod"), 0, 0);
    assert.equal(hashFolder(folder), key);
    fs.writeFileSync(path.join(folder, "src", "main.go"), "package main // changed");
    const changed = hashFolder(folder);
    assert.notEqual(changed, key);
    fs.renameSync(path.join(folder, "src", "main.go"), path.join(folder, "src", "other.go"));
    assert.notEqual(hashFolder(folder), changed);
  });

  it("leave out the skipped folders", () => {
    const key = hashFolder(folder, ["dist"]);
    fs.mkdirSync(path.join(folder, "src", "dist"));
    fs.writeFileSync(path.join(folder, "src", "dist", "bundle.js"), "x");
    assert.equal(hashFolder(folder, ["dist"]), key);
    assert.notEqual(hashFolder(folder), key);
  });
});
