import { Pool } from "undici";
import { until } from "./command";
import { Fault } from "./fault";

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
