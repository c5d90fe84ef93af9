import { execa } from "execa";
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { mirrorOf } from "../../lab/apt";

describe("lab packages", () => {
  it("come from Debian's own source, not from another source for the same release", () => {
    assert.equal(
      mirrorOf(
        [
          "Docker bookworm https://docker.test/linux/debian/",
          "Debian bookworm-security http://security.test/debian-security/",
          "Debian bookworm file:/srv/debian/",
          "Debian bookworm https://mirror.test/debian/",
        ].join("\n"),
      ),
      "https://mirror.test/debian/",
    );
  });

  it("have no source if none is Debian's, or if the lists do not name the origin", () => {
    assert.equal(mirrorOf(""), undefined);
    assert.equal(mirrorOf("Debian bookworm mirror+file:/etc/apt/mirrors/debian.list"), undefined);
    assert.equal(mirrorOf("Ubuntu noble http://mirror.test/ubuntu/"), undefined);
    assert.equal(mirrorOf("$(ORIGIN) $(CODENAME) http://mirror.test/debian/"), undefined);
  });

  describe("while they are installed", () => {
    let folder: string;
    let policy: string;
    beforeEach(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), "lab-apt-"));
      policy = path.join(folder, "policy-rc.d");
      // Prints the answer that a package gets when it starts its service, and fails.
      const apt = `#!/bin/sh\n"${policy}" containerd start; echo "$@: $?"; exit 100\n`;
      fs.writeFileSync(path.join(folder, "apt-get"), apt, { mode: 0o755 });
    });
    afterEach(() => {
      fs.rmSync(folder, { recursive: true });
    });

    async function install(): Promise<string> {
      const script = path.resolve(__dirname, "../../lab/apt-get.sh");
      const env = { PATH: `${folder}:${process.env.PATH ?? ""}` };
      const result = await execa("bash", [script, policy, "install", "containerd"], { env, reject: false });
      assert.equal(result.exitCode, 100);
      return result.stdout;
    }

    it("start no service, and leave no policy file", async () => {
      assert.equal(await install(), "install containerd: 101");
      assert.equal(fs.existsSync(policy), false);
    });

    it("follow the machine's own policy", async () => {
      fs.writeFileSync(policy, "#!/bin/sh\nexit 104\n", { mode: 0o755 });
      assert.equal(await install(), "install containerd: 104");
      assert.equal(fs.readFileSync(policy, "utf8"), "#!/bin/sh\nexit 104\n");
    });
  });
});
