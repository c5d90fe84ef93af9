import { EventEmitter, once } from "node:events";
import type { AddressInfo } from "node:net";
import type { FastifyBaseLogger } from "fastify";
import { Administrators } from "./administrators";
import { type ApiOptions, buildApi } from "./api";
import { CONTRACTS } from "./contract";
import { type Database, DatabaseUnavailable, untilAnswered } from "./database";
import { Metrics } from "./metrics";
import { parseSettings, type Settings } from "./settings";
import { isExporting, Tracing } from "./tracing";

/** Dependencies of {@link runService}. */
export interface ServiceOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Called once, after the port is open, because it may take long. Rejects if `stop` is aborted. */
  readonly openDatabase: (settings: Settings, log: FastifyBaseLogger, stop: AbortSignal) => Promise<Database>;
}

/** Time limit of a request's wait for the database to open, in milliseconds. */
const OPEN_TIMEOUT = 5000;

/**
 * Runs the service until SIGTERM or SIGINT, and returns when it has stopped: readiness turns to 503 at once, requests in
 * flight finish within the grace, every connection is closed. A second signal ends the process at once.
 * Throws if the settings are wrong, the port is in use or the database does not open.
 */
export async function runService({ env, openDatabase }: ServiceOptions): Promise<void> {
  const settings = parseSettings(env);
  const signal = new Promise<NodeJS.Signals>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });

  let state: ReturnType<ApiOptions["state"]> = "starting";
  const { administration } = settings;
  let opened: Database | undefined;
  const opening = new EventEmitter();
  const metrics = new Metrics(settings.version, () => opened);
  const metricsServer = metrics.server();
  const traceExport = isExporting(env)
    ? new (await import("./trace-export.js")).TraceExport(settings.version)
    : undefined;
  const api = buildApi({
    contract: CONTRACTS[settings.contract],
    version: settings.version,
    logLevel: settings.logLevel,
    database: async () => opened ?? ((await patiently(once(opening, "opened")))[0] as Database),
    ...(administration && { administrators: new Administrators(administration.jwtSecret) }),
    metrics,
    tracing: new Tracing(settings.propagators, traceExport?.tracer),
    state: () => state,
  });

  let inFlight = 0;
  const requests = new EventEmitter();
  api.server.on("request", (_request, response) => {
    inFlight += 1;
    response.once("close", () => {
      inFlight -= 1;
      requests.emit("end");
    });
  });

  await listening("PORT", settings.port, () => api.listen({ host: "0.0.0.0", port: settings.port }));
  await listening("METRICS_PORT", settings.metricsPort, () => {
    metricsServer.listen(settings.metricsPort, "0.0.0.0");
    return once(metricsServer, "listening");
  });
  api.log.info({ metricsPort: (metricsServer.address() as AddressInfo).port }, "metrics");
  const stop = new AbortController();
  const database = openDatabase(settings, api.log, stop.signal);
  const ready = database.then(async (database) => {
    const password = administration?.adminPassword;
    if (password !== undefined) {
      await untilAnswered(() => Administrators.ensureFirst(database, password), api.log, stop.signal);
    }
    opened = database;
    opening.emit("opened", database);
    if (state === "starting") state = "ready";
    api.log.info({ version: settings.version, contract: settings.contract }, "ready");
    return signal;
  });
  const received = await Promise.race([signal, ready]);

  state = "stopping";
  stop.abort();
  api.log.info({ signal: received, inFlight, grace: settings.shutdownGrace }, "stopping");
  const limit = setTimeout(() => {
    api.log.warn({ inFlight }, "the grace is over; requests in flight are cut off");
    api.server.closeAllConnections();
  }, settings.shutdownGrace * 1000);
  // The port stays open while requests are in flight, so that the probe gets the 503.
  while (inFlight > 0) await once(requests, "end");
  await api.close();
  clearTimeout(limit);
  await database.then(
    (database) => database.close(),
    () => undefined,
  );
  await traceExport?.close();
  metricsServer.close();
  metricsServer.closeAllConnections();
  api.log.info("stopped");
}

async function patiently<T>(wait: Promise<T>): Promise<T> {
  let limit: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    limit = setTimeout(() => {
      reject(new DatabaseUnavailable("the database is not open yet"));
    }, OPEN_TIMEOUT);
  });
  try {
    return await Promise.race([wait, late]);
  } finally {
    clearTimeout(limit);
  }
}

async function listening(variable: string, port: number, listen: () => Promise<unknown>): Promise<void> {
  try {
    await listen();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new Error(
      `${variable} ${port} is taken by another process; stop that process or set ${variable} to a free port`,
      { cause: error },
    );
  }
}
