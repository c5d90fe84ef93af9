import { execa } from "execa";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { StandInPrometheus } from "../support/stand-in-prometheus";

const ROOT = path.resolve(__dirname, "../..");

/** A service with two versions, of which v2 has two pods. */
const manifests = (share: number, annotations = {}): string => {
  const deployment = (version: string, replicas: number) => ({
    ...{ apiVersion: "apps/v1", kind: "Deployment" },
    metadata: { name: `shop-${version}`, namespace: "web" },
    spec: {
      replicas,
      selector: { matchLabels: { app: "shop", version } },
      template: { metadata: { labels: { app: "shop", version } } },
    },
  });
  const destination = (subset: string, weight: number) => ({ destination: { host: "shop", subset }, weight });
  const objects = [
    deployment("v1", 4),
    deployment("v2", 2),
    {
      ...{ apiVersion: "v1", kind: "Service", metadata: { name: "shop", namespace: "web" } },
      spec: { selector: { app: "shop" }, ports: [{ name: "http", port: 8080 }] },
    },
    {
      ...{ apiVersion: "networking.istio.io/v1", kind: "DestinationRule" },
      metadata: { name: "shop", namespace: "web" },
      spec: { host: "shop", subsets: ["v1", "v2"].map((name) => ({ name, labels: { version: name } })) },
    },
    {
      ...{ apiVersion: "networking.istio.io/v1", kind: "VirtualService" },
      metadata: { name: "shop", namespace: "web", annotations },
      spec: {
        hosts: ["shop.example.com"],
        http: [{ route: [destination("v1", 100 - share), destination("v2", share)] }],
      },
    },
  ];
  return objects.map((object) => stringify(object)).join("---\n");
};

describe("shopzier diff --prometheus", () => {
  let folder: string;
  let prometheus: StandInPrometheus;
  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "shopzier-rates-"));
    prometheus = await StandInPrometheus.open();
  });
  afterEach(() => {
    prometheus.close();
    rmSync(folder, { recursive: true });
  });
  const diff = async (annotations: object, ...args: string[]) => {
    const files = [10, 50].map((share) => path.join(folder, `${share}.yaml`));
    for (const [i, file] of files.entries()) writeFileSync(file, manifests([10, 50][i] ?? 0, annotations));
    return execa(
      process.execPath,
      [
        "-r",
        path.join(ROOT, "tests/register.cjs"),
        path.join(ROOT, "cli/shopzier.ts"),
        "diff",
        ...files,
        "--json",
        ...args,
      ],
      { reject: false, all: true, cwd: ROOT },
    );
  };
  const answer = (value?: string): void => {
    const result = value === undefined ? [] : [{ metric: {}, value: [prometheus.now, value] }];
    prometheus.instead = {
      status: 200,
      body: JSON.stringify({ status: "success", data: { resultType: "vector", result } }),
    };
  };
  const query = (): string =>
    new URL(prometheus.asked[0]?.url ?? "", "http://x").searchParams.get("query") ?? "";

  it("gives the load of each pod by what was counted", async () => {
    answer("200");
    const { stdout, exitCode, all } = await diff({}, "--prometheus", prometheus.url);
    assert.equal(exitCode, 0, all);
    assert.match(query(), /^sum\(sum by \(version\) .*rate\(istio_requests_total\{.*shop.*\}\[5m\]\)/);
    const shares = [
      ...stdout.matchAll(/"to": "(v\d)",\s+"percent": (\d+),\s+"pods": (\d),\s+"perPod": ([\d.]+)/g),
    ];
    assert.deepEqual(
      shares.map(([, ...found]) => found.join(" ")),
      ["v1 90 4 45", "v2 10 2 10", "v1 50 4 25", "v2 50 2 50"],
    );
  });

  it("asks for the counters that the VirtualService names, or those of --metrics", async () => {
    answer("1");
    await diff(
      { "shopzier-mesh/metrics": JSON.stringify({ prometheus: "a/b:1", source: "envoy" }) },
      "--prometheus",
      prometheus.url,
    );
    assert.match(query(), /envoy_cluster_upstream_rq\{[^}]*outbound\[|\]8080/);
    prometheus.asked.length = 0;
    await diff({}, "--prometheus", prometheus.url, "--metrics", "envoy");
    assert.match(query(), /envoy_cluster_upstream_rq/);
  });

  it("says where nothing was counted, and what of Prometheus fails", async () => {
    answer();
    const none = await diff({}, "--prometheus", prometheus.url);
    assert.equal(none.exitCode, 0, none.all);
    assert.match(none.stderr, /no requests of any VirtualService were counted/);
    assert.doesNotMatch(none.stdout, /perPod/);
    prometheus.instead = { status: 503, body: "" };
    const failed = await diff({}, "--prometheus", prometheus.url);
    assert.equal(failed.exitCode, 1);
    assert.match(failed.stderr, /^Prometheus \(http:\S+\) answers 503/);
  });
});
