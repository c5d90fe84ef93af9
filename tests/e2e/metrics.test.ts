import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { Certificates } from "../support/certificates";
import { Client, type Answer, countByVersion, failures } from "../../lab/client";
import {
  baseline,
  editStackFile,
  get,
  kubectl,
  NAMESPACE,
  readyPods,
  setConfig,
  stackFile,
  up,
  until,
} from "../../lab/harness";
import { freezeService } from "../support/faults";
import {
  emptyPanels,
  OBSERVED,
  observing,
  PrometheusClient,
  restart,
  scale,
  standingStill,
  underLoad,
} from "../../lab/prometheus";
import { Volume, VOLUME_SIZE } from "../support/volume";

const CALLER =
  'sum by (version) (label_replace(envoy_cluster_upstream_rq{app="istio-ingressgateway",cluster_name=~"outbound.8080.v[0-9]+.category.*",response_code!=""}, "version", "$1", "cluster_name", "outbound.8080.([^|]+).*"))';
const CALLEE = `sum by (version) (envoy_cluster_upstream_rq{namespace="${NAMESPACE}",cluster_name=~"inbound.8080.*",response_code!=""})`;
// Beside it the service counts the kubelet's probes.
const SERVICE = 'sum by (version) (http_request_duration_seconds_count{route="/api/v1/category"})';

/** Secret with the gateway's certificate, and what Envoy makes of its name. */
const CERTIFICATE = { secret: "metrics-tls", series: "metrics_tls", days: 10 };
const CERTIFICATE_ENDS = `envoy_listener_ssl_certificate_kubernetes___${CERTIFICATE.series}_expiration_unix_time_seconds`;

/** A module that lets requests wait in the process of the service, before it sees them. */
const SLOW = `
import { Server } from "node:http";
const { emit } = Server.prototype;
Server.prototype.emit = function (event, request, ...rest) {
  const slow = event === "request" && request.url.startsWith("/api/");
  if (slow) setTimeout(() => emit.call(this, event, request, ...rest), 700);
  return slow || emit.call(this, event, request, ...rest);
};`;

describe("metrics of the versions in Prometheus", function () {
  this.timeout("5m");
  let prometheus: PrometheusClient;
  let client: Client;
  let certificate: X509Certificate;
  const volume = new Volume("prometheus", "prometheus");

  before(async () => {
    certificate = await gatewayCertificate();
    await volume.create();
    stackFile((config) => {
      observing({ ...OBSERVED, prometheus: { ...OBSERVED.prometheus, storage: { size: VOLUME_SIZE } } })(
        config,
      );
      const tls = { credentialName: CERTIFICATE.secret, redirect: false };
      config["shopzier:gateway"] = { ...(config["shopzier:gateway"] as object), tls };
    });
    await up();
    prometheus = await PrometheusClient.open();
    // By port 80: the certificate is one that no client trusts.
    client = await Client.open({ url: "http://10.88.0.1:30080", host: "shop.lab.internal" });
    // A pod takes its choice of statistics when it starts; one of another test's stack may be older.
    const counted = async (): Promise<boolean> => {
      await client.sample(20);
      return (
        Object.keys(await prometheus.byVersion(`${CALLER} and ${CALLEE}`)).length === 2 &&
        (await prometheus.query(CERTIFICATE_ENDS)).length > 0
      );
    };
    await until("the statistics of requests", counted, 15).catch(async () => {
      await restart("istio-ingress", "istio-ingressgateway");
      for (const version of ["v1", "v2"]) await restart(NAMESPACE, `category-${version}`);
      await until("the statistics of requests", counted);
    });
  });
  after(async () => {
    await client.close();
    await baseline();
    await volume.remove();
    await kubectl("delete", "secret", CERTIFICATE.secret, "-n", "istio-ingress", "--ignore-not-found");
  });

  it("come from istiod, gateway and sidecars, though the mesh is strict and denies by default", async () => {
    const { items } = await get<{ items: { spec: { mtls?: { mode?: string } } }[] }>(
      "peerauthentications.security.istio.io",
      "-n",
      "istio-system",
    );
    assert.equal(items[0]?.spec.mtls?.mode, "STRICT");
    for (const target of [
      'up{app="istiod"}',
      'up{istio="ingressgateway"}',
      `up{namespace="${NAMESPACE}",version="v1"}`,
      `up{namespace="${NAMESPACE}",version="v2"}`,
      'up{job="kubernetes-apiservers"}',
    ]) {
      await until(target, async () => (await prometheus.query(`${target} == 1`)).length > 0, 30);
    }
  });

  it("count exactly the requests that the client sent, seen from caller, callee and service", async () => {
    // What one pod counted before it ended is gone: two looks at the same pods.
    await client.sample(40);
    const counts = async (): Promise<Record<string, Record<string, number>>> => ({
      caller: await prometheus.byVersion(CALLER),
      callee: await prometheus.byVersion(CALLEE),
      service: await prometheus.byVersion(SERVICE),
    });
    const before = await standingStill(counts);
    const answers = await client.sample(500, { path: "/api/v1/category?lang=en" });
    assert.deepEqual(failures(answers), {});
    const sent = countByVersion(answers);
    let seen: Record<string, Record<string, number>> = {};
    await until(
      `counts of ${JSON.stringify(sent)}`,
      async () => {
        const now = await counts();
        seen = Object.fromEntries(
          Object.entries(now).map(([view, counts]) => [
            view,
            Object.fromEntries(
              Object.entries(counts).map(([version, n]) => [version, n - (before[view]?.[version] ?? 0)]),
            ),
          ]),
        );
        return Object.values(seen).every((counts) =>
          Object.entries(sent).every(([version, n]) => (counts[version] ?? 0) >= n),
        );
      },
      30,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}; seen ${JSON.stringify(seen)}`);
    });
    assert.deepEqual(seen, { caller: sent, callee: sent, service: sent });
  });

  it("say when the gateway's certificate ends, which is soon enough for an alert", async () => {
    const alert = `ALERTS{alertname="GatewayCertificateExpires",certificate="${CERTIFICATE.series}"}`;
    await until("the alert", async () => (await prometheus.query(alert)).length > 0, 30);
    const [ends] = await prometheus.query(CERTIFICATE_ENDS);
    assert.equal(Number(ends?.value[1]), Date.parse(certificate.validTo) / 1000);
  });

  it("fill every panel of every dashboard", async () => {
    const load = client.load(20);
    const empty = await emptyPanels(prometheus, "envoy");
    assert.deepEqual(failures(await load.stop()), {});
    assert.deepEqual(empty, []);
  });

  it("carry no secret of a request", async () => {
    const token = ['{"alg":"HS256"}', '{"sub":"somebody"}', "signature"].map((part) =>
      Buffer.from(part).toString("base64url"),
    );
    const answers = await client.sample(100, {
      path: "/api/v1/category?token=query-that-is-secret",
      headers: { authorization: `Bearer ${token.join(".")}`, "x-api-key": "header-that-is-secret" },
    });
    assert.deepEqual(Object.keys(countByVersion(answers)).sort(), ["v1", "v2"]);
    const since = Date.now() / 1000;
    const read = [
      'up{istio="ingressgateway"}',
      ...["v1", "v2"].map((version) => `up{namespace="${NAMESPACE}",version="${version}"}`),
    ];
    await until("a later scrape of each proxy that they passed", async () => {
      const found = await Promise.all(
        read.map((up) => prometheus.query(`${up} == 1 and timestamp(${up}) > ${since}`)),
      );
      return found.every(({ length }) => length > 0);
    });
    const all = await prometheus.everything();
    assert.ok(all.includes("outbound|8080|v2"));
    for (const secret of ["that-is-secret", ...token]) assert.ok(!all.includes(secret), secret);
  });

  it("raise an alert for a version that fails, and only for it; it ends with the shift back", async () => {
    assert.deepEqual(await prometheus.firing(), []);
    await scale(NAMESPACE, "category-v2", 0);
    const answers = await raised("VersionErrorBudgetBurn");
    assert.ok((failures(answers)["503"] ?? 0) > 0);
    await scale(NAMESPACE, "category-v2", 1);
  });

  it("raise an alert for a version that is slow, and only for it; it ends with the shift back", async () => {
    editStackFile((config) => {
      const { v2 } = config["shopzier:category"].versions;
      const NODE_OPTIONS = `--import=data:text/javascript;base64,${Buffer.from(SLOW).toString("base64")}`;
      config["shopzier:category"].versions.v2 = { ...v2, env: { ...(v2?.env as object), NODE_OPTIONS } };
    });
    await setConfig("traffic.weights.v2", 20);
    await up();
    assert.deepEqual(failures(await raised("VersionLatencyBudgetBurn")), {});
  });

  async function rulesObject(): Promise<string> {
    const args = ["configmap", "prometheus-rules", "-n", "prometheus"];
    return (await get<{ metadata: { uid: string } }>(...args)).metadata.uid;
  }

  /** Sends requests until the alert fires for v2, and after the shift back until it ends; gives the answers. */
  async function raised(alert: string): Promise<readonly Answer[]> {
    const load = client.load(50);
    const begun = performance.now();
    const burning = new Set<string>();
    const look = async (): Promise<readonly string[]> => {
      const names = (await prometheus.firing()).filter((name) => name.includes("BudgetBurn"));
      for (const name of names) burning.add(name);
      return names;
    };
    await until("the alert", async () => (await look()).includes(`${alert} v2`), 90);
    const fired = performance.now();
    const rules = await rulesObject();
    await setConfig("traffic.weights.v2", 0);
    await up();
    assert.equal(await rulesObject(), rules, "the rules were updated where they are");
    const shifted = performance.now();
    await until("the end of the alert", async () => (await look()).length === 0, 90);
    const ended = performance.now();
    const answers = await load.stop();
    assert.deepEqual([...burning], [`${alert} v2`]);
    assert.deepEqual(failures(answers.filter(({ at }) => at > shifted)), {});
    console.log(
      `      fired ${((fired - begun) / 1000).toFixed(1)} s after the first such request, ended ${((ended - shifted) / 1000).toFixed(1)} s after the shift back`,
    );
    return answers;
  }

  it("cost no request and no time when Prometheus has a full volume, hangs or is down, and leave nothing when it is taken out", async () => {
    const now = (): number => Date.now() / 1000;
    /** Seconds until there is a sample of after now. */
    const storesAgain = async (): Promise<number> => {
      const since = now();
      const newer = `timestamp(up{app="istiod"}) > ${since}`;
      await until("new samples", async () => (await prometheus.query(newer)).length > 0, 30);
      return now() - since;
    };
    const well = await underLoad(client, 6);
    const wellUntil = now();
    const empty = volume.fill();
    await until("a write that fails", async () =>
      (await kubectl("logs", "deployment/prometheus", "-n", "prometheus", "--tail=20")).includes(
        "no space left on device",
      ),
    );
    const full = await underLoad(client, 6).finally(empty);
    const room = await storesAgain();
    const [pod] = await readyPods("prometheus", "app.kubernetes.io/name=prometheus");
    const thaw = freezeService(pod?.metadata.uid ?? "", "/prometheus");
    const hanging = await underLoad(client, 6).finally(thaw);
    await scale("prometheus", "prometheus", 0);
    const down = await underLoad(client, 6);
    console.log(`      well: ${well.text}; full: ${full.text}; hanging: ${hanging.text}; down: ${down.text}`);
    for (const { p99 } of [full, hanging, down]) assert.ok(p99 < well.p99 + 250);
    await scale("prometheus", "prometheus", 1);
    prometheus = await PrometheusClient.open();
    const restarted = await storesAgain();
    console.log(
      `      new samples ${room.toFixed(1)} s after there was room, ${restarted.toFixed(1)} s after the restart`,
    );
    const kept = `count_over_time(up{app="istiod"}[5s] @ ${wellUntil})`;
    assert.equal((await prometheus.query(kept)).length, 1, "samples of before");
    await baseline();
    assert.equal(
      (await kubectl("get", "namespaces", "prometheus", "--ignore-not-found", "-o", "name")).trim(),
      "",
    );
    assert.equal(
      (await kubectl("get", "clusterroles", "prometheus", "--ignore-not-found", "-o", "name")).trim(),
      "",
    );
  });
});

/** Gives the gateway a certificate of its own, in its Secret. */
async function gatewayCertificate(): Promise<X509Certificate> {
  const certificates = new Certificates();
  const { secret, days } = CERTIFICATE;
  try {
    await certificates.authority(secret, days);
    const named = [secret, "-n", "istio-ingress"];
    const [key, certificate] = ["key", "crt"].map((kind) => certificates.file(`${secret}.${kind}`));
    await kubectl("delete", "secret", ...named, "--ignore-not-found");
    await kubectl("create", "secret", "tls", ...named, `--key=${key}`, `--cert=${certificate}`);
    return new X509Certificate(certificates.read(`${secret}.crt`));
  } finally {
    certificates.remove();
  }
}
