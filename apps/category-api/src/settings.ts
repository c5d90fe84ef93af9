import { z } from "zod";
import { CONTRACT_NAMES } from "./contract";
import { SEED_NAMES } from "./migrations";

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

/** Formats of the headers that may carry a trace. */
export const PROPAGATORS = ["tracecontext", "b3", "b3multi", "baggage", "none"] as const;

const wholeNumber = (least: number, most: number, unit: string) =>
  z
    .string()
    .refine((text) => /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most, {
      error: (issue) =>
        `is "${String(issue.input)}"; allowed: a whole number from ${least} to ${most}${unit}`,
    })
    .transform(Number);

const oneOf = <const T extends readonly string[]>(names: T) =>
  z.enum(names, { error: (issue) => `is "${String(issue.input)}"; allowed: ${names.join(", ")}` });

/** Text that no message may show. */
const secret = (allowed: string, isAllowed: (text: string) => boolean) =>
  z.string().refine(isAllowed, { error: `is not allowed; allowed: ${allowed}` });

const environment = z.object({
  CATEGORY_VERSION: z
    .string({ error: "is not set; set it to the name of the workload version, for example v1" })
    .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/, {
      error: (issue) =>
        `is "${String(issue.input)}"; allowed: 1 to 63 letters, digits, ".", "_" or "-", with a letter or digit at both ends`,
    }),
  CATEGORY_CONTRACT: oneOf(CONTRACT_NAMES).default("3.2.5"),
  PORT: wholeNumber(0, 65535, " (0 takes any free port)").default(8080),
  SHUTDOWN_GRACE: wholeNumber(0, 3600, " seconds").default(25),
  LOG_LEVEL: oneOf(LOG_LEVELS).default("info"),
  METRICS_PORT: wholeNumber(0, 65535, " (0 takes any free port)").default(9464),
  DATABASE_URL: secret(
    "postgres://<user>:<password>@<host>:<port>/<database>",
    (text) => URL.canParse(text) && ["postgres:", "postgresql:"].includes(new URL(text).protocol),
  ).optional(),
  DATABASE_POOL_SIZE: wholeNumber(1, 1000, " connections").default(10),
  DATABASE_STATEMENT_TIMEOUT: wholeNumber(1, 600, " seconds").default(5),
  DATABASE_SEED: oneOf(SEED_NAMES).default("none"),
  JWT_SECRET: secret("64 characters or more", (text) => text.length >= 64).optional(),
  ADMIN_PASSWORD: secret("12 characters or more", (text) => text.length >= 12).optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: oneOf(["http/protobuf"]).optional(),
  OTEL_PROPAGATORS: z
    .string()
    .default("b3,tracecontext")
    .transform((text) => text.split(",").map((name) => name.trim()))
    .pipe(z.array(oneOf(PROPAGATORS))),
});

/** The service's settings, parsed once from the environment. */
export interface Settings {
  /** CATEGORY_VERSION: name of the workload version, sent as `x-category-version` with every response. Required. */
  readonly version: string;
  /** CATEGORY_CONTRACT: the Shopizer version whose answers it gives. Default 3.2.5. */
  readonly contract: (typeof CONTRACT_NAMES)[number];
  /** PORT: TCP port. Default 8080. */
  readonly port: number;
  /** SHUTDOWN_GRACE: seconds that requests in flight may take after SIGTERM or SIGINT. Default 25. */
  readonly shutdownGrace: number;
  /** LOG_LEVEL: lowest level that is logged. Default info. */
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** METRICS_PORT: TCP port of `/metrics`. Default 9464. */
  readonly metricsPort: number;
  /** Absent without DATABASE_URL: then the database is embedded, and changes are lost. */
  readonly database?: {
    /** DATABASE_URL */
    readonly url: string;
    /** DATABASE_POOL_SIZE: maximum number of connections of this process. Default 10. */
    readonly poolSize: number;
    /** DATABASE_STATEMENT_TIMEOUT: time limit of a statement, here in milliseconds. Default 5 seconds. */
    readonly statementTimeout: number;
    /** DATABASE_SEED: rows of a new database. Default none. */
    readonly seed: (typeof SEED_NAMES)[number];
  };
  /** Absent without JWT_SECRET: then there is no login and no write. */
  readonly administration?: {
    /** JWT_SECRET: signs tokens; the same in all versions and replicas. */
    readonly jwtSecret: string;
    /** ADMIN_PASSWORD: that of admin@shopizer.com. Without it the user does not change. */
    readonly adminPassword?: string;
  };
  /** OTEL_PROPAGATORS: headers that may carry a trace; the last one that is present wins. Default b3, tracecontext. */
  readonly propagators: readonly (typeof PROPAGATORS)[number][];
}

/** The environment has wrong values; the message lists all of them. */
export class SettingsError extends Error {}

/** Reads the settings; an empty variable is not set. Throws {@link SettingsError}. */
export function parseSettings(env: NodeJS.ProcessEnv): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = environment.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join(".")} ${issue.message}`);
    throw new SettingsError(["the environment is wrong:", ...problems].join("\n"));
  }
  const { DATABASE_URL: url, JWT_SECRET: jwtSecret, ADMIN_PASSWORD: adminPassword, ...read } = parsed.data;
  if (adminPassword !== undefined && jwtSecret === undefined) {
    throw new SettingsError(
      "the environment is wrong:\n  JWT_SECRET is not set; with ADMIN_PASSWORD it must be",
    );
  }
  return Object.freeze({
    version: read.CATEGORY_VERSION,
    contract: read.CATEGORY_CONTRACT,
    port: read.PORT,
    shutdownGrace: read.SHUTDOWN_GRACE,
    logLevel: read.LOG_LEVEL,
    metricsPort: read.METRICS_PORT,
    ...(url !== undefined && {
      database: {
        url,
        poolSize: read.DATABASE_POOL_SIZE,
        statementTimeout: read.DATABASE_STATEMENT_TIMEOUT * 1000,
        seed: read.DATABASE_SEED,
      },
    }),
    ...(jwtSecret !== undefined && {
      administration: { jwtSecret, ...(adminPassword !== undefined && { adminPassword }) },
    }),
    propagators: read.OTEL_PROPAGATORS,
  });
}
