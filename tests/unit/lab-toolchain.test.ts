import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { folders } from "../../lab/folders";
import { programKey } from "../../lab/go-build";
import { Images } from "../../lab/images";
import type { GoProgram, ProgramName } from "../../lab/programs";
import { Toolchain } from "../../lab/toolchain";

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

  const withEmptyCache = async (use: (toolchain: Toolchain) => Promise<void> | void): Promise<void> => {
    const { cache, bin } = folders;
    Object.assign(folders, { cache: path.join(folder, "cache"), bin: path.join(folder, "bin") });
    try {
      fs.mkdirSync(folders.cache);
      await use(new Toolchain(go));
    } finally {
      Object.assign(folders, { cache, bin });
    }
  };
  const pretendToBuild = (toolchain: Toolchain, names: readonly ProgramName[]): void => {
    for (const name of names) {
      fs.mkdirSync(path.dirname(toolchain.file(name)), { recursive: true });
      fs.writeFileSync(toolchain.file(name), name);
    }
  };

  it("rebuilds everything if the cache has only entries of older sources", () =>
    withEmptyCache((toolchain) => {
      for (const entry of ["image-proxyv2-0123456789abcdef0123", "kubelet-0123456789abcdef0123"])
        fs.mkdirSync(path.join(folders.cache, entry));
      const missing = new Images(toolchain).missingPrograms("split");
      for (const name of ["envoy", "kubelet", "pulumi", "kube-apiserver"] as const)
        assert.ok(missing.includes(name), name);
    }));

  it("builds for the first split nothing that it does not need, and the rest afterwards", () =>
    withEmptyCache((toolchain) => {
      const images = new Images(toolchain);
      const split = images.missingPrograms("split");
      const rest = ["calico-felix", "istioctl", "jaeger", "prometheus", "promtool"] as const;
      assert.deepEqual(
        rest.filter((name) => split.includes(name)),
        [],
      );
      pretendToBuild(toolchain, split);
      assert.deepEqual(images.missingPrograms("split"), []);
      assert.deepEqual(images.missingPrograms("all").sort(), rest);
    }));

  it("links Pulumi's language host beside the real path of its CLI, so that the CLI does not warn", () =>
    withEmptyCache(async (toolchain) => {
      pretendToBuild(toolchain, toolchain.missing("split", []));
      await toolchain.link("split");
      const [cli, host] = ["pulumi", "pulumi-language-nodejs"].map((name) =>
        fs.realpathSync(path.join(folders.bin, name)),
      );
      assert.equal(host, path.join(path.dirname(cli ?? ""), "pulumi-language-nodejs"));
      assert.equal(fs.readFileSync(host, "utf8"), "pulumi-language-nodejs");
      // The language host runs the program by the `node` of PATH.
      assert.equal(fs.realpathSync(path.join(folders.bin, "node")), process.execPath);
    }));

  it("gives the node the daemon that enforces NetworkPolicies only with all", () =>
    withEmptyCache(async (toolchain) => {
      pretendToBuild(toolchain, toolchain.missing("all", []));
      const daemon = path.join(folders.bin, "calico-felix");
      await toolchain.link("split");
      assert.ok(!fs.existsSync(daemon));
      await toolchain.link("all");
      assert.ok(fs.existsSync(daemon));
    }));
});
