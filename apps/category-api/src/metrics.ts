import { createServer, type Server } from "node:http";
import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { CategoryStore } from "./category-store";
import type { Database } from "./database";

/** Bucket limits in seconds: those of the proxies' histograms, so that the same queries work for both. */
const BUCKETS = [0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Methods with their own label value; a client may send any word. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Time limit of the database for a scrape, in milliseconds. After it, the database's metrics are missing. */
const COLLECT_TIMEOUT = 1000;

/** Metrics for Prometheus: requests, rows, connections, and Node's own (event loop, heap, garbage collection). */
export class Metrics {
  readonly registry = new Registry();
  private readonly durations: Histogram;

  /** @param database the database, when it is open. */
  constructor(
    private readonly version: string,
    private readonly database: () => Database | undefined,
  ) {
    const registers = [this.registry];
    this.durations = new Histogram({
      name: "http_request_duration_seconds",
      help: "Time from the head of a request to the end of its answer. Its count is the number of requests.",
      labelNames: ["route", "method", "status", "version"],
      buckets: BUCKETS,
      registers,
    });
    const { categories, pool } = this;
    new Gauge({
      name: "categories",
      help: "Categories by store, of the 100 stores that have most.",
      labelNames: ["store"],
      registers,
      async collect() {
        await categories(this);
      },
    });
    for (const [name, help, value] of [
      ["database_pool_used", "Connections that run a statement or a transaction.", "used"],
      ["database_pool_idle", "Connections that wait for work.", "idle"],
      ["database_pool_waiting", "Requests that wait for a connection.", "waiting"],
      ["database_pool_limit", "Most connections.", "limit"],
    ] as const) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          const state = pool();
          if (state) this.set(state[value]);
          else this.remove();
        },
      });
    }
  }

  /** Counts a request. `route` is the template of the path, undefined if there is none. */
  request(route: string | undefined, method: string, status: number, seconds: number): void {
    const labels = {
      route: route ?? "unknown",
      method: METHODS.has(method) ? method : "other",
      status,
      version: this.version,
    };
    this.durations.observe(labels, seconds);
  }

  /** A server that answers `/metrics`, with Node's own metrics. It does not listen yet. */
  server(): Server {
    collectDefaultMetrics({ register: this.registry });
    return createServer((request, response) => {
      if (request.method !== "GET" || request.url?.split("?")[0] !== "/metrics") {
        response.writeHead(404).end();
        return;
      }
      this.registry.metrics().then(
        (text) => response.writeHead(200, { "content-type": this.registry.contentType }).end(text),
        () => response.writeHead(500).end(),
      );
    });
  }

  private readonly pool = () => this.database()?.pool;

  private readonly categories = async (gauge: Gauge) => {
    gauge.reset();
    const database = this.database();
    if (!database) return;
    let limit: NodeJS.Timeout | undefined;
    const late = new Promise<[]>((resolve) => {
      limit = setTimeout(resolve, COLLECT_TIMEOUT, []);
    });
    // The readiness shows a database that does not answer. The other metrics must not be missing because of it.
    const counts = new CategoryStore(database).countByStore().catch(() => []);
    for (const { store, categories } of await Promise.race([counts, late])) gauge.set({ store }, categories);
    clearTimeout(limit);
  };
}
