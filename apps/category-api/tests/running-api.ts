import type { AddressInfo } from "node:net";
import { type Dispatcher, Pool } from "undici";
import { type ApiOptions, buildApi } from "../src/api";
import { CONTRACTS } from "../src/contract";
import type { Database } from "../src/database";
import { Metrics } from "../src/metrics";
import { Tracing } from "../src/tracing";

/** An answer as it came over the wire. */
export interface Answer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData["headers"];
  readonly text: string;
}

/** The API on a free loopback port. */
export class RunningApi {
  private constructor(
    readonly origin: string,
    private readonly api: ReturnType<typeof buildApi>,
    private readonly pool: Pool,
  ) {}

  static async start(
    contract: keyof typeof CONTRACTS,
    database: Database,
    options: Partial<ApiOptions> = {},
  ): Promise<RunningApi> {
    const api = buildApi({
      contract: CONTRACTS[contract],
      version: "v-test",
      logLevel: "silent",
      database: () => Promise.resolve(database),
      metrics: new Metrics("v-test", () => database),
      tracing: new Tracing(["b3", "tracecontext"]),
      state: () => "ready",
      ...options,
    });
    await api.listen({ host: "127.0.0.1", port: 0 });
    const { port } = api.server.address() as AddressInfo;
    const origin = `http://127.0.0.1:${port}`;
    return new RunningApi(origin, api, new Pool(origin));
  }

  async request(
    method: Dispatcher.HttpMethod,
    path: string,
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<Answer> {
    const response = await this.pool.request({
      method,
      path,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.statusCode, headers: response.headers, text: await response.body.text() };
  }

  /** Body of a GET that must succeed. */
  async json(path: string): Promise<unknown> {
    const { status, text } = await this.request("GET", path);
    if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${text}`);
    return JSON.parse(text);
  }

  async stop(): Promise<void> {
    await this.pool.close();
    await this.api.close();
  }
}
