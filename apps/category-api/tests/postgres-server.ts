import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";

const run = promisify(execFile);
/** PostgreSQL refuses to run as root. This is Debian's user `nobody`. */
const NOBODY = 65534;

/** A PostgreSQL for the tests, with its data in a temporary folder and a port on the loopback interface. */
export class PostgresServer {
  private process: ChildProcess | undefined;
  private databases = 0;

  private constructor(
    private readonly programs: string,
    private readonly folder: string,
    private readonly port: number,
    private readonly password: string,
  ) {}

  static async start(): Promise<PostgresServer> {
    const folder = await mkdtemp(join(tmpdir(), "category-postgres-"));
    const server = new PostgresServer(programs(), folder, await freePort(), randomBytes(12).toString("hex"));
    if (process.getuid?.() === 0) await chown(folder, NOBODY, NOBODY);
    const passwordFile = join(folder, "password");
    await writeFile(passwordFile, server.password);
    const options = [
      "--no-sync",
      "--encoding=UTF8",
      "--no-locale",
      "--auth=scram-sha-256",
      "--username=category",
    ];
    await run(
      join(server.programs, "initdb"),
      [...options, `--pwfile=${passwordFile}`, "-D", join(folder, "data")],
      user(),
    );
    await server.resume();
    return server;
  }

  /** Starts it again after {@link halt}, with the same data on the same port. */
  async resume(): Promise<void> {
    const settings = {
      listen_addresses: "127.0.0.1",
      port: String(this.port),
      unix_socket_directories: this.folder,
      fsync: "off",
      shared_buffers: "16MB",
      max_connections: "60",
      autovacuum: "off",
      log_min_messages: "fatal",
    };
    this.process = spawn(
      join(this.programs, "postgres"),
      ["-D", join(this.folder, "data"), ...Object.entries(settings).flatMap(([k, v]) => ["-c", `${k}=${v}`])],
      { stdio: "ignore", ...user() },
    );
    const limit = Date.now() + 20_000;
    for (;;) {
      const client = new pg.Client({ connectionString: this.url("postgres") });
      try {
        await client.connect();
        return;
      } catch (error) {
        if (Date.now() > limit) throw error;
        await pause(20);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }

  /** Stops it at once, like a crash. */
  async halt(): Promise<void> {
    await this.end("SIGQUIT");
  }

  /** URL of a new, empty database. */
  async database(): Promise<string> {
    const name = `category${(this.databases += 1)}`;
    await this.query(`create database ${name}`);
    return this.url(name);
  }

  /** Runs a statement as the superuser. */
  async query<Row extends pg.QueryResultRow>(sql: string, database = "postgres"): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  url(database: string, username = "category", password = this.password): string {
    return `postgres://${username}:${password}@127.0.0.1:${this.port}/${database}`;
  }

  async stop(): Promise<void> {
    await this.end("SIGQUIT");
    await rm(this.folder, { recursive: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.process;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
}

let started: Promise<PostgresServer> | undefined;

/** The server, started once in a test run. */
export function postgres(): Promise<PostgresServer> {
  return (started ??= PostgresServer.start());
}

after(async () => {
  await (await started)?.stop();
});

function programs(): string {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(debian, version, "bin")),
    ...(process.env.PATH ?? "").split(delimiter),
  ];
  const found = folders.find((folder) => existsSync(join(folder, "initdb")));
  if (found === undefined) {
    throw new Error(
      "PostgreSQL is not installed (on Debian: apt-get install postgresql); these tests run a server",
    );
  }
  return found;
}

const user = () => (process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY, cwd: "/" } : {});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
