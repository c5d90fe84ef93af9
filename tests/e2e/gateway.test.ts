import assert from "node:assert/strict";
import { connect } from "node:net";
import { Agent, request } from "undici";
import { Certificates } from "./certificates";
import { baseline, get, kubectl, LIST, must, outputs, stackFile, tool, until, up } from "./lab";

const HOST = "shop.lab.internal";
const NODE = "10.88.0.1";

describe("the gateway", () => {
  after(() => baseline());

  it("answers 404 for other hosts and for what is not the category API", async () => {
    await baseline();
    const { gatewayUrl } = await outputs();
    const status = async (host: string, path_: string): Promise<number> => {
      const { statusCode, body } = await request(gatewayUrl + path_, { headers: { host } });
      await body.dump();
      return statusCode;
    };
    assert.equal(await status(HOST, LIST), 200);
    assert.equal(await status(HOST, `${LIST}/`), 200);
    assert.equal(await status(HOST, "/actuator/health/ping"), 200);
    for (const hidden of ["/actuator", "/actuator/env", "/actuator/health", "/api/v1/categories", "/"]) {
      assert.equal(await status(HOST, hidden), 404, hidden);
    }
    assert.equal(await status("other.example.com", LIST), 404);
  });

  it("serves clients that speak HTTP/1.0, offer an upgrade to TLS, or write the host in another allowed way", async () => {
    await baseline();
    const usual = async (start: string, more = "", host = HOST): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: NODE, port: 30080, timeout: 10_000 });
        socket.write(`GET ${LIST} ${start}\r\nhost: ${host}\r\n${more}\r\n`);
        socket.once("data", (data) => {
          resolve(/^HTTP\/1\.\d (\d+)/.exec(String(data))?.[1] ?? "");
          socket.destroy();
        });
        socket.on("error", reject);
        socket.on("timeout", () => socket.destroy(new Error("no answer")));
      });
    const upgrade = (to: string): string => `connection: upgrade\r\nupgrade: ${to}\r\n`;
    assert.equal(await usual("HTTP/1.0"), "200");
    assert.equal(await usual("HTTP/1.1", upgrade("TLS/1.2")), "200");
    assert.equal(await usual("HTTP/1.1", upgrade("unknown")), "403");
    for (const host of [
      `${HOST}:443`,
      `${HOST}.`,
      `${HOST}.:443`,
      HOST.toUpperCase(),
      `${HOST.toUpperCase()}.`,
    ])
      assert.equal(await usual("HTTP/1.1", "", host), "200", host);
    for (const host of [`${HOST}..`, `x${HOST}.`])
      assert.equal(await usual("HTTP/1.1", "", host), "404", host);
  });

  it("takes several replicas with a disruption budget", async () => {
    stackFile((config) => {
      (config["shopzier:gateway"] as Record<string, unknown>).replicas = 2;
    });
    await up();
    const budgets = await get<{ items: { spec: { minAvailable?: number } }[] }>("pdb", "-n", "istio-ingress");
    assert.deepEqual(
      budgets.items.map((b) => b.spec.minAvailable),
      [1],
    );
  });

  describe("with a certificate", () => {
    const certificates = new Certificates();
    before(async () => {
      await certificates.authority("servers");
      await certificates.issue(HOST, "servers");
      await baseline();
      await kubectl(
        ...["-n", "istio-ingress", "create", "secret", "tls", "shop-tls"],
        ...[`--key=${certificates.file(`${HOST}.key`)}`, `--cert=${certificates.file(`${HOST}.crt`)}`],
      );
    });
    after(async () => {
      await tool("kubectl", "-n", "istio-ingress", "delete", "secret", "shop-tls");
      certificates.remove();
    });

    it("serves HTTPS that a client verifies, sends plain HTTP there, and refuses TLS 1.1", async () => {
      stackFile((config) => {
        const gateway = config["shopzier:gateway"] as { nodePorts: object };
        Object.assign(gateway, { tls: { credentialName: "shop-tls" } });
        Object.assign(gateway.nodePorts, { status: 30021 });
      });
      await up();
      assert.equal((await outputs()).gatewayUrl, `https://${NODE}:30443`);

      const trusting = (maxVersion: "TLSv1.1" | "TLSv1.3"): Agent =>
        new Agent({
          // OpenSSL itself refuses TLS 1.1 above this level, and then the gateway would not be asked.
          connect: {
            ca: certificates.read("servers.crt"),
            servername: HOST,
            ciphers: "DEFAULT@SECLEVEL=0",
            minVersion: "TLSv1.1",
            maxVersion,
          },
        });
      await until("the gateway listens for HTTPS", async () => {
        try {
          await fetch(`http://${NODE}:30443`);
          return true;
        } catch (error) {
          return !JSON.stringify((error as Error).cause).includes("ECONNREFUSED");
        }
      });
      const secure = await request(`https://${NODE}:30443${LIST}`, {
        headers: { host: HOST },
        dispatcher: trusting("TLSv1.3"),
      });
      assert.equal(secure.statusCode, 200);
      assert.match(String(secure.headers["x-category-version"]), /^v[12]$/);
      await secure.body.dump();
      await assert.rejects(
        request(`https://${NODE}:30443${LIST}`, { headers: { host: HOST }, dispatcher: trusting("TLSv1.1") }),
      );

      for (const [host, location] of [
        [HOST, HOST],
        [`${HOST}:30080`, `${HOST}:30443`],
        [`${HOST}:8080`, HOST],
      ] as const) {
        const plain = await request(`http://${NODE}:30080${LIST}`, { headers: { host } });
        await plain.body.dump();
        assert.deepEqual([plain.statusCode, plain.headers.location], [301, `https://${location}${LIST}`]);
      }
      const health = await request(`http://${NODE}:30021/healthz/ready`);
      await health.body.dump();
      assert.equal(health.statusCode, 200);
      await must("istioctl", "analyze", "-n", "istio-ingress", "--failure-threshold", "Error");
    });
  });
});
