import { execa } from "execa";
import assert from "node:assert/strict";
import path from "node:path";

const module_ = (name: string): string => JSON.stringify(path.resolve(__dirname, "../../lab", name));

/** Output of a program with only these variables. */
async function printed(program: string, env: Record<string, string>, ...args: string[]): Promise<string> {
  const command = ["-r", "ts-node/register/transpile-only", "-e", program, ...args];
  const { stdout } = await execa(process.execPath, command, { env, extendEnv: false });
  return stdout;
}

describe("lab environment", function () {
  this.timeout(15_000);

  it("has root's folders on PATH once", async () => {
    const show = `require(${module_("command")}); console.log(process.env.PATH)`;
    assert.equal(await printed(show, { PATH: "/usr/bin:/bin" }), "/usr/bin:/bin:/usr/sbin:/sbin");
    const whole = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert.equal(await printed(show, { PATH: whole }), whole);
  });

  it("excludes the cluster from the proxy, and keeps what the user has excluded", async () => {
    const env = {
      HTTPS_PROXY: "http://proxy.test:3128",
      NO_PROXY: "corp.test",
      no_proxy: "corp.test,10.88.0.1",
    };
    const exports = await printed(`require(${module_("cli")})`, env, "env");
    const list = "corp.test,10.88.0.1,10.96.0.0/16,10.244.0.0/16,.svc,.cluster.local,127.0.0.1";
    assert.match(exports, new RegExp(`^export NO_PROXY='${list}'$`, "m"));
    assert.match(exports, new RegExp(`^export no_proxy='${list}'$`, "m"));
  });

  it("removes all proxy variables for the node", async () => {
    const env = { HTTPS_PROXY: "x", http_proxy: "x", NO_PROXY: "x", PROXY: "x" };
    const shown = await printed(
      `console.log(Object.keys(require(${module_("command")}).withoutProxy).sort().join())`,
      env,
    );
    assert.equal(shown, "HTTPS_PROXY,NO_PROXY,http_proxy");
  });
});
