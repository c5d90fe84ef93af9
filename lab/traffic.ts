import Table from "cli-table3";
import { Pool } from "undici";
import { until } from "./command";
import { Fault } from "./fault";
import type { StackOutputs } from "./stack";

const path = "/api/v1/category";
/** Header of a response with the version that answered. */
const versionHeader = "x-category-version";

/** Enough requests for each version to get some of them. */
const trial = 50;

/**
 * Sends `count` requests for the category list through the gateway; returns the number of answers by version. Before that, it
 * waits until {@link trial} requests in a row succeed. Throws a Fault if a request fails.
 */
export async function measureSplit(
  gatewayUrl: string,
  host: string,
  count: number,
): Promise<Map<string, number>> {
  const gateway = new Pool(gatewayUrl, { connections: 8, headersTimeout: 10_000, bodyTimeout: 10_000 });
  const send = async (): Promise<string | undefined> => {
    const { statusCode, headers, body } = await gateway.request({ method: "GET", path, headers: { host } });
    await body.dump();
    return statusCode === 200 ? String(headers[versionHeader]) : undefined;
  };
  try {
    await until(
      `${trial} answers 200 in a row from ${gatewayUrl}${path} for host ${host} (npm run lab -- status)`,
      120,
      () =>
        Promise.all(Array.from({ length: trial }, send)).then(
          (versions) => !versions.includes(undefined),
          () => false,
        ),
    );
    const answers = new Map<string, number>();
    let failed = 0;
    await Promise.all(
      Array.from({ length: count }, async () => {
        const version = await send().catch(() => undefined);
        if (version === undefined) failed += 1;
        else answers.set(version, (answers.get(version) ?? 0) + 1);
      }),
    );
    if (failed > 0)
      throw new Fault(`${failed} of ${count} requests through ${gatewayUrl} failed: npm run lab -- status`);
    return answers;
  } finally {
    await gateway.destroy();
  }
}

/**
 * The table of the measured split, and what to do next.
 * @param answers Number of answers by version.
 * @param kubectl Runs kubectl on the stack's cluster and returns its output.
 * @param environment Shell command after which pulumi and kubectl use the stack's cluster.
 */
export async function splitSummary(
  { gatewayUrl, host, traffic }: StackOutputs,
  answers: ReadonlyMap<string, number>,
  kubectl: (args: readonly string[]) => Promise<string>,
  environment: string,
): Promise<string> {
  const table = new Table({
    head: ["version", "configured", "measured", "pods ready"],
    style: { head: [], border: [] },
  });
  const all = [...answers.values()].reduce((sum, count) => sum + count, 0);
  for (const version of new Set([...Object.keys(traffic), ...answers.keys()]))
    table.push([
      version,
      `${traffic[version] ?? 0} %`,
      `${(((answers.get(version) ?? 0) / all) * 100).toFixed(1)} %`,
      await readyPods(version, kubectl),
    ]);
  const [newest = ""] = Object.keys(traffic).slice(-1);
  return [
    "",
    `gateway: ${gatewayUrl} (host ${host})`,
    table.toString(),
    "Shift traffic with two lines:",
    `  ${environment}`,
    `  pulumi config set --path 'shopzier:traffic.weights.${newest}' 30 && pulumi up --yes`,
  ].join("\n");
}

/** How to look at what observes. */
export const observabilityAddresses = [
  "What the versions did, in Prometheus (http://localhost:9090) and Jaeger (http://localhost:16686):",
  "  kubectl port-forward -n prometheus svc/prometheus 9090 &",
  "  kubectl port-forward -n jaeger svc/jaeger 16686 &",
].join("\n");

/** Ready and wanted pods of a version, as "1/2". */
function readyPods(version: string, kubectl: (args: readonly string[]) => Promise<string>): Promise<string> {
  const counts = "--output=jsonpath={range .items[*]}{.status.readyReplicas}/{.spec.replicas}{end}";
  return kubectl(["--namespace=category", "get", "deployments", `--selector=version=${version}`, counts]);
}
