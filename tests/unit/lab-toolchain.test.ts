import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { folders } from "../../lab/folders";
import { Images } from "../../lab/images";
import { type GoProgram, programKey, Toolchain } from "../../lab/toolchain";

const go = "go version go1.26.0 linux/amd64";

describe("lab toolchain", () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "lab-toolchain-"));
  });
  afterEach(() => {
    fs.rmSync(folder, { recursive: true });
  });

  it("rebuilds a program only if its module, its stamps or Go change", () => {
    const programs: Record<string, GoProgram> = {
      kubelet: { module: "kube", source: "kubernetes/cmd/kubelet", stamps: ["-X version=1"] },
      kubectl: { module: "kube", source: "kubernetes/cmd/kubectl", stamps: ["-X version=1"] },
      jaeger: { module: "jaeger", source: "jaeger/cmd/jaeger" },
    };
    const keys = (version = go): string[] =>
      Object.values(programs).map((program) => programKey(program, version, folder));
    for (const module of ["kube", "jaeger"]) {
      fs.mkdirSync(path.join(folder, module));
      fs.writeFileSync(path.join(folder, module, "go.mod"), `module ${module}`);
    }
    const [kubelet, kubectl, jaeger] = keys();
    assert.equal(new Set([kubelet, kubectl, jaeger]).size, 3);

    programs.kubelet = { module: "kube", source: "kubernetes/cmd/kubelet", stamps: ["-X version=2"] };
    const [stamped, ...others] = keys();
    assert.notEqual(stamped, kubelet);
    assert.deepEqual(others, [kubectl, jaeger]);

    fs.writeFileSync(path.join(folder, "jaeger", "go.mod"), "module jaeger // changed");
    const [first, second, third] = keys();
    assert.deepEqual([first, second], [stamped, kubectl]);
    assert.notEqual(third, jaeger);

    const newer = keys(go.replace("1.26.0", "1.26.1"));
    assert.deepEqual(
      newer.filter((key) => [first, second, third].includes(key)),
      [],
    );
  });

  it("rebuilds everything if the cache has only entries of older sources", () => {
    const { cache } = folders;
    Object.assign(folders, { cache: folder });
    try {
      for (const entry of ["image-proxyv2-0123456789abcdef0123", "kubelet-0123456789abcdef0123"])
        fs.mkdirSync(path.join(folder, entry));
      const toolchain = new Toolchain(go);
      const missing = toolchain.missing(new Images(toolchain).missingPrograms());
      for (const name of ["envoy", "kubelet", "pulumi", "kube-apiserver"] as const)
        assert.ok(missing.includes(name), name);
    } finally {
      Object.assign(folders, { cache });
    }
  });

  it("links Pulumi's language host beside the real path of its CLI, so that the CLI does not warn", async () => {
    const { cache, bin } = folders;
    Object.assign(folders, { cache: path.join(folder, "cache"), bin: path.join(folder, "bin") });
    try {
      const toolchain = new Toolchain(go);
      for (const name of toolchain.missing([])) {
        fs.mkdirSync(path.dirname(toolchain.file(name)), { recursive: true });
        fs.writeFileSync(toolchain.file(name), name);
      }
      const nothing = () => undefined;
      await toolchain.build([], nothing, () => Promise.resolve());
      const [cli, host] = ["pulumi", "pulumi-language-nodejs"].map((name) =>
        fs.realpathSync(path.join(folders.bin, name)),
      );
      assert.equal(host, path.join(path.dirname(cli ?? ""), "pulumi-language-nodejs"));
      assert.equal(fs.readFileSync(host, "utf8"), "pulumi-language-nodejs");
      // The language host runs the program by the `node` of PATH.
      assert.equal(fs.realpathSync(path.join(folders.bin, "node")), process.execPath);
    } finally {
      Object.assign(folders, { cache, bin });
    }
  });
});
