import assert from "node:assert/strict";
import { connect, type ConnectionOptions, type SecureVersion } from "node:tls";
import { request } from "undici";
import { Certificates } from "../support/certificates";
import {
  baseline,
  editStackFile,
  kubectl,
  LIST,
  must,
  outputs,
  pulumi,
  stackFile,
  tool,
  up,
} from "../../lab/harness";

const NODE = "10.88.0.1";
/** A host with the gateway's own certificate, and one with its own and a certificate asked of clients. */
const [SHOP, API] = ["shop.lab.internal", "api.lab.internal"];

interface TlsAnswer {
  readonly certificate: string;
  readonly version: string | null;
  /** First line of the answer to a request for the category. */
  readonly status: string;
  /** Version of the category service that answered; empty where none did. */
  readonly by: string;
}

/** Asks for the category over TLS; throws what the handshake, or the connection, ended with. */
function ask(options: ConnectionOptions & { readonly host?: string }): Promise<TlsAnswer> {
  const { host, ...tls } = options;
  return new Promise((resolve, reject) => {
    const socket = connect({ ...tls, host: NODE, port: 30443, timeout: 10_000 });
    let text = "";
    socket.on("secureConnect", () => {
      socket.write(
        `GET ${LIST} HTTP/1.1\r\nhost: ${host ?? tls.servername ?? ""}\r\nconnection: close\r\n\r\n`,
      );
    });
    socket.on("data", (data) => {
      text += String(data);
      if (!text.includes("\r\n\r\n")) return;
      const { CN } = socket.getPeerCertificate().subject;
      resolve({
        certificate: String(CN),
        version: socket.getProtocol(),
        status: text.split("\r\n")[0] ?? "",
        by: /^x-category-version: (.*)$/im.exec(text)?.[1]?.trim() ?? "",
      });
      socket.destroy();
    });
    socket.on("error", reject);
    socket.on("timeout", () => socket.destroy(new Error("no answer")));
    socket.on("close", () => {
      reject(new Error("closed without an answer"));
    });
  });
}

describe("several hosts, each with TLS of its own", () => {
  const certificates = new Certificates();
  const secrets: string[] = [];
  let [withoutSecrets, withSecrets, plainHttp] = ["", "", 0];
  let atOnce: PromiseSettledResult<TlsAnswer>[] = [];
  const secret = async (name: string, certificate: string, ...more: string[]): Promise<void> => {
    secrets.push(name);
    await tool("kubectl", "-n", "istio-ingress", "delete", "secret", name, "--ignore-not-found");
    await kubectl(
      ...["-n", "istio-ingress", "create", "secret", "generic", name],
      ...[`--from-file=tls.crt=${certificates.file(`${certificate}.crt`)}`],
      ...[`--from-file=tls.key=${certificates.file(`${certificate}.key`)}`, ...more],
    );
  };
  before(async () => {
    await baseline();
    await Promise.all(["servers", "clients", "strangers"].map((name) => certificates.authority(name)));
    for (const [name, by] of [
      [SHOP, "servers"],
      [API, "servers"],
      ["partner", "clients"],
      ["stranger", "strangers"],
    ] as const) {
      await certificates.issue(name, by);
    }
    stackFile((config) => {
      config["shopzier:category"].aliases = [API];
      const gateway = config["shopzier:gateway"] as { nodePorts: object };
      Object.assign(gateway.nodePorts, { status: 30021 });
      Object.assign(gateway, {
        tls: {
          credentialName: "shop-tls",
          hosts: { [API]: { credentialName: "api-tls", mode: "MUTUAL", minVersion: "TLSV1_3" } },
        },
      });
    });
    for (const name of ["shop-tls", "api-tls"]) {
      await tool("kubectl", "-n", "istio-ingress", "delete", "secret", name, "--ignore-not-found");
    }
    editStackFile((config) => {
      config["shopzier:propagation"] = { timeout: "5s" };
    });
    withoutSecrets = (await pulumi("up", "--yes", "--skip-preview")).all;
    plainHttp = await plainStatus(SHOP);
    await secret("shop-tls", SHOP);
    await secret("api-tls", API, `--from-file=ca.crt=${certificates.file("clients.crt")}`);
    editStackFile((config) => {
      delete config["shopzier:propagation"];
    });
    withSecrets = await up();
    atOnce = await Promise.allSettled([
      ask({ servername: SHOP, ca: ca() }),
      ask({ servername: API, ca: ca(), ...as("partner") }),
    ]);
  });
  after(async () => {
    for (const name of secrets) await tool("kubectl", "-n", "istio-ingress", "delete", "secret", name);
    certificates.remove();
  });

  const ca = (): string => certificates.read("servers.crt");
  const as = (name: string) => ({
    cert: certificates.read(`${name}.crt`),
    key: certificates.read(`${name}.key`),
  });
  const at = (version: SecureVersion) => ({
    minVersion: version,
    maxVersion: version,
    // OpenSSL itself refuses TLS 1.1 above this level, and then the gateway would not be asked.
    ciphers: "DEFAULT@SECLEVEL=0",
  });
  const OK = "HTTP/1.1 200 OK";
  const plainStatus = async (host: string): Promise<number> => {
    const { statusCode, body } = await request(`http://${NODE}:30080${LIST}`, { headers: { host } });
    await body.dump();
    return statusCode;
  };

  it("serves plain HTTP until every pod has the certificates, and names the command that makes each Secret", () => {
    assert.match(withoutSecrets, /The gateways have no certificates within 5 s/);
    const commands = {
      [SHOP]: "kubectl create secret tls shop-tls --namespace istio-ingress --cert=tls.crt --key=tls.key",
      [API]: "kubectl create secret generic api-tls --namespace istio-ingress --from-file=tls.crt",
    };
    for (const [host, command] of Object.entries(commands)) {
      assert.ok(
        withoutSecrets.includes(`Waiting for the certificate of ${host}: ${command}`),
        withoutSecrets,
      );
      assert.ok(withoutSecrets.includes(`\n      ${command}`), withoutSecrets);
    }
    assert.equal(plainHttp, 200);
    assert.match(withSecrets, /The certificate in Secret shop-tls ends in \d days/);
  });

  it("presents them as soon as the update has ended", () => {
    assert.deepEqual(
      atOnce.map((answer) => (answer.status === "fulfilled" ? answer.value.status : String(answer.reason))),
      [OK, OK],
    );
  });

  it("shows each host its own certificate, by the name that the client asks for", async () => {
    const shop = await ask({ servername: SHOP, ca: ca() });
    assert.deepEqual([shop.certificate, shop.status], [SHOP, OK]);
    assert.match(shop.by, /^v[12]$/);
    const api = await ask({ servername: API, ca: ca(), ...as("partner") });
    assert.deepEqual([api.certificate, api.status], [API, OK]);
    await assert.rejects(
      ask({ servername: "other.lab.internal", ca: ca() }),
      /ECONNRESET|closed|disconnected/,
    );
  });

  it("asks for a certificate of the right authority where the mode is MUTUAL", async () => {
    const alert = /certificate required|unknown ca|handshake failure|ECONNRESET|closed/i;
    await assert.rejects(ask({ servername: API, ca: ca() }), alert);
    await assert.rejects(ask({ servername: API, ca: ca(), ...as("stranger") }), alert);
    assert.equal(
      (await ask({ servername: SHOP, ca: ca(), ...as("stranger") })).status,
      OK,
      "SIMPLE asks for none",
    );
  });

  it("does not let a client into that host by the name of another, and has it open a connection of its own", async () => {
    const { status } = await ask({ servername: SHOP, host: API, ca: ca() });
    assert.equal(status, "HTTP/1.1 421 Misdirected Request");
  });

  it("holds each host to its lowest version", async () => {
    assert.equal((await ask({ servername: SHOP, ca: ca(), ...at("TLSv1.2") })).version, "TLSv1.2");
    assert.equal((await ask({ servername: SHOP, ca: ca(), ...at("TLSv1.3") })).version, "TLSv1.3");
    assert.equal(
      (await ask({ servername: API, ca: ca(), ...as("partner"), ...at("TLSv1.3") })).version,
      "TLSv1.3",
    );
    const refused = /protocol version|ECONNRESET|closed/i;
    await assert.rejects(ask({ servername: SHOP, ca: ca(), ...at("TLSv1.1") }), refused);
    await assert.rejects(ask({ servername: API, ca: ca(), ...as("partner"), ...at("TLSv1.2") }), refused);
  });

  it("sends plain HTTP of every host to HTTPS", async () => {
    for (const [host, location] of [
      [SHOP, SHOP],
      [API, API],
      [`${SHOP}:30080`, `${SHOP}:30443`],
      [`${SHOP}:8080`, SHOP],
    ] as const) {
      const { statusCode, headers, body } = await request(`http://${NODE}:30080${LIST}`, {
        headers: { host },
      });
      await body.dump();
      assert.deepEqual([statusCode, headers.location], [301, `https://${location}${LIST}`]);
    }
    await must("istioctl", "analyze", "-n", "istio-ingress", "--failure-threshold", "Warning");
  });

  it("is HTTPS in the stack's address, and keeps a plain port for health checks", async () => {
    assert.equal((await outputs()).gatewayUrl, `https://${NODE}:30443`);
    const health = await request(`http://${NODE}:30021/healthz/ready`);
    await health.body.dump();
    assert.equal(health.statusCode, 200);
  });
});
