import { z } from "zod";
import { CONTRACT_NAMES } from "./contract";

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

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
});

/** The service's settings, parsed once from the environment. */
export interface Settings {
  /** CATEGORY_VERSION: name of the workload version, sent as `x-category-version` with every response. Required. */
  readonly version: string;
  /** CATEGORY_CONTRACT: which Shopizer it answers like. Default 3.2.5. */
  readonly contract: (typeof CONTRACT_NAMES)[number];
  /** PORT: TCP port. Default 8080. */
  readonly port: number;
  /** SHUTDOWN_GRACE: seconds that requests in flight may take after SIGTERM or SIGINT. Default 25. */
  readonly shutdownGrace: number;
  /** LOG_LEVEL: least level that is logged. Default info. */
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** The environment has values the service cannot start with; the message lists all of them. */
export class SettingsError extends Error {}

/** Reads the settings; an empty variable counts as not set. Throws {@link SettingsError}. */
export function parseSettings(env: NodeJS.ProcessEnv): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = environment.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join(".")} ${issue.message}`);
    throw new SettingsError(["the environment is wrong:", ...problems].join("\n"));
  }
  const { CATEGORY_VERSION, CATEGORY_CONTRACT, PORT, SHUTDOWN_GRACE, LOG_LEVEL } = parsed.data;
  return Object.freeze({
    version: CATEGORY_VERSION,
    contract: CATEGORY_CONTRACT,
    port: PORT,
    shutdownGrace: SHUTDOWN_GRACE,
    logLevel: LOG_LEVEL,
  });
}
