import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { NodeContents } from "../../lab/node-contents";

const node = { reference: "node", key: "1" };
const image = { reference: "lab.internal/category-api:1.0.0", key: "2" };

describe("lab node contents", () => {
  let folder: string;
  let file: string;
  let contents: NodeContents;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "lab-contents-"));
    file = path.join(folder, "contents.json");
    contents = new NodeContents(file);
  });
  afterEach(() => {
    fs.rmSync(folder, { recursive: true });
  });

  it("are the parts that were remembered last, by key", () => {
    assert.equal(contents.has([node]), false);
    contents.remember([node]);
    contents.remember([image]);
    assert.equal(contents.has([node, image]), true);
    contents.remember([{ ...image, key: "3" }]);
    assert.equal(contents.has([image]), false);
    assert.equal(contents.has([node]), true);
    assert.deepEqual(fs.readdirSync(folder), ["contents.json"]);
  });

  it("are never written in place", () => {
    contents.remember([node]);
    const before = fs.readFileSync(file, "utf8");
    const open = fs.openSync(file, "r");
    contents.remember([image]);
    assert.equal(fs.readFileSync(open, "utf8"), before);
    fs.closeSync(open);
  });

  it("are empty if the file is incomplete", () => {
    contents.remember([node, image]);
    const { size } = fs.statSync(file);
    for (let length = size - 1; length >= 0; length--) {
      fs.truncateSync(file, length);
      assert.equal(contents.has([node]), false, `${length} bytes`);
    }
    contents.remember([node]);
    assert.equal(contents.has([node]), true);
  });
});
