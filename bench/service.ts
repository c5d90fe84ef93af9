import autocannon from "autocannon";
import { execa } from "execa";
import path from "node:path";
import { buildService } from "../apps/category-api/build";
import { until } from "../lab/harness";
import type { Result } from "./measure";

const ROOT = path.resolve(__dirname, "..");
const LIST = "/api/v1/category";

/** Answers every request with the bytes of its argument: the upper limit of Node's own HTTP server. */
const BARE = `
const [port, body] = process.argv.slice(1);
const bytes = Buffer.from(body, "base64");
require("node:http").createServer((_, res) => {
  res.writeHead(200, { "content-type": "application/json", "content-length": bytes.length });
  res.end(bytes);
}).listen(Number(port), "127.0.0.1");
`;

/** Requests per second of a server on core 0, with the client on the other core. */
async function rate(
  port: number,
  args: string[],
  env: Record<string, string>,
): Promise<{ rate: number; body: string }> {
  const server = execa("taskset", ["-c", "0", "node", ...args], { env, stdout: "ignore", reject: false });
  const url = `http://127.0.0.1:${port}${LIST}`;
  try {
    await until(
      "the server answers",
      () =>
        fetch(url).then(
          (r) => r.ok,
          () => false,
        ),
      30,
    );
    const body = await (await fetch(url)).text();
    const { requests, non2xx, errors } = await autocannon({ url, connections: 32, duration: 8 });
    if (non2xx > 0 || errors > 0) throw new Error(`${non2xx} refused, ${errors} failed`);
    return { rate: requests.average, body };
  } finally {
    server.kill();
    await server;
  }
}

export async function serviceRate(): Promise<Result> {
  await buildService();
  const ours = await rate(18_080, [path.join(ROOT, "apps/category-api/dist/server.js")], {
    PORT: "18080",
    CATEGORY_VERSION: "v1",
    CATEGORY_CONTRACT: "3.2.5",
  });
  const bare = await rate(18_081, ["-e", BARE, "18081", Buffer.from(ours.body).toString("base64")], {});
  return {
    name: "requests per second, GET list, one core, against bare node:http",
    ours: ours.rate.toFixed(0),
    against: bare.rate.toFixed(0),
    ratio: (ours.rate / bare.rate).toFixed(2),
    target: "reported",
    met: undefined,
  };
}
