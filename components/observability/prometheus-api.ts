/** Asks a Prometheus by its HTTP API: in the cluster through the API server, or by URL. */
import { request as http } from "node:http";
import { request as https, type RequestOptions } from "node:https";
import { connect, type ClusterNames, type KubernetesAccess } from "../kubernetes/api-server";

export interface PrometheusAddress {
  /** `https://prometheus.example.com`, or `namespace/service:port` for a Service in the cluster. */
  readonly address: string;
  /** Bearer token for a URL. */
  readonly token?: string;
  /** Certificates in PEM that sign that of a URL. Default: those of Node.js. */
  readonly ca?: string;
}

/** A series with its samples, as Prometheus answers: Unix time in seconds, and the value as text. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [seconds: number, value: string])[];
}

/** Prometheus gave no data; the message says why, for a user. */
export class PrometheusError extends Error {}

const ANSWER_MS = 10_000;
const SERVICE = /^([a-z0-9-]+)\/((?:https?:)?)([a-z0-9.-]+):([a-z0-9-]+)$/;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** A Prometheus in a cluster needs the right to `get` on `services/proxy` in its namespace. */
export class PrometheusApi {
  private constructor(
    /** As it is shown. */
    private readonly address: string,
    private readonly base: string,
    private readonly options: () => Promise<RequestOptions>,
  ) {}

  /**
   * @param cluster for `namespace/service:port`.
   * @throws PrometheusError for an address that is neither, and for a token or a password that would be sent without TLS.
   */
  static connect(
    { address, token, ca }: PrometheusAddress,
    cluster: ClusterNames | KubernetesAccess = {},
  ): PrometheusApi {
    const [, namespace = "", scheme = "", name = "", port = ""] = SERVICE.exec(address) ?? [];
    if (namespace !== "") {
      const { config } = "client" in cluster ? cluster : connect(cluster);
      const server = config.getCurrentCluster()?.server ?? "";
      const service = `${scheme || "http:"}${name}:${port}`;
      const base = `${server.replace(/\/$/, "")}/api/v1/namespaces/${namespace}/services/${service}/proxy`;
      return new PrometheusApi(address, base, async () => {
        const options: RequestOptions = {};
        await config.applyToHTTPSOptions(options);
        return options;
      });
    }
    const url = URL.canParse(address) ? new URL(address) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      throw new PrometheusError(
        `Prometheus: found ${shown(address)}\n  allowed: a URL, or namespace/service:port of a Service in the cluster, such as prometheus/prometheus:9090`,
      );
    }
    const secret = token !== undefined ? "token" : hasUser(url) ? "password" : undefined;
    if (secret !== undefined && url.protocol === "http:" && !LOOPBACK.test(url.hostname)) {
      throw new PrometheusError(
        `Prometheus: found a ${secret} for ${shown(address)}\n  allowed: a ${secret} for https alone`,
      );
    }
    const options: RequestOptions = {
      ...(ca !== undefined && { ca }),
      ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
    };
    return new PrometheusApi(shown(address), address.replace(/\/$/, ""), () => Promise.resolve(options));
  }

  /** Prometheus' clock, in Unix seconds. @throws PrometheusError where there is no answer. */
  async now(signal?: AbortSignal): Promise<number> {
    const [seconds] = (await this.ask("time()", signal)) as readonly [number, string];
    return seconds;
  }

  /** The samples of the last `seconds` of all series that a selector names. @throws PrometheusError where there is no answer. */
  async samples(selector: string, seconds: number, signal?: AbortSignal): Promise<readonly Series[]> {
    return (await this.ask(`${selector}[${Math.ceil(seconds)}s]`, signal)) as readonly Series[];
  }

  /** The first value of a query now; undefined where it has none. @throws PrometheusError where there is no answer. */
  async value(query: string, signal?: AbortSignal): Promise<number | undefined> {
    const [first] = (await this.ask(query, signal)) as readonly {
      readonly value?: readonly [number, string];
    }[];
    return first?.value === undefined ? undefined : Number(first.value[1]);
  }

  private async ask(query: string, signal?: AbortSignal): Promise<unknown> {
    const limit = AbortSignal.any([AbortSignal.timeout(ANSWER_MS), ...(signal ? [signal] : [])]);
    let answer: { readonly status: number; readonly body: string };
    try {
      answer = await get(
        `${this.base}/api/v1/query?query=${encodeURIComponent(query)}`,
        await this.options(),
        limit,
      );
    } catch (error) {
      const { message, code } = error as { message?: string; code?: string };
      const why = limit.aborted
        ? ` within ${ANSWER_MS / 1000} s`
        : `: ${message !== undefined && message !== "" ? message : (code ?? "no connection")}`;
      throw new PrometheusError(`Prometheus (${this.address}) does not answer${why}`);
    }
    const parsed = parse(answer.body);
    if (parsed?.data !== undefined && answer.status === 200) return parsed.data.result;
    const hint =
      answer.status === 401
        ? "it does not know the caller"
        : (parsed?.error ?? parsed?.message ?? "no answer of Prometheus");
    throw new PrometheusError(`Prometheus (${this.address}) answers ${answer.status}: ${hint}`);
  }
}

const hasUser = ({ username, password }: URL): boolean => username !== "" || password !== "";

/** An address without the user and the password that may be in it, even where it is no URL. */
function shown(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !hasUser(url)) return address;
  return address.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1");
}

/** Of Prometheus, with `error`, or of the API server, with `message`. */
interface Answer {
  readonly data?: { readonly result: unknown };
  readonly error?: string;
  readonly message?: string;
}

function parse(body: string): Answer | undefined {
  try {
    return JSON.parse(body) as Answer;
  } catch {
    return undefined;
  }
}

function get(
  url: string,
  options: RequestOptions,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const request = url.startsWith("https:") ? https : http;
    request(url, { ...options, signal }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString("utf8") });
      });
    })
      .on("error", reject)
      .end();
  });
}
