import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import {
  runProgram as run,
  type ProgramRun as Run,
  type RegisteredResource as Registered,
} from "../../components/testing";

export type { Registered, Run };
export const ROOT = path.resolve(__dirname, "../..");
export const STACKS = ["dev", "staging", "prod", "lab", "kind"] as const;

/** The value of `config:` in the stack file. */
export function stackConfig(stack: string): Record<string, unknown> {
  const file = readFileSync(path.join(ROOT, `Pulumi.${stack}.yaml`), "utf8");
  return (parse(file) as { config: Record<string, unknown> }).config;
}

/**
 * Runs the real `index.ts` without an engine, in update or preview mode. Outputs of the cluster (`status`) are unknown in a
 * preview.
 */
export function runProgram(
  config: Record<string, unknown>,
  {
    stack = "test",
    preview = false,
    loadBalancer = { ingress: [{ hostname: "gateway.example.com" }] },
  }: { stack?: string; preview?: boolean; loadBalancer?: object } = {},
): Promise<Run> {
  return run(path.join(ROOT, "index.ts"), {
    project: "shopzier",
    stack,
    preview,
    config,
    // No module of `stacks/` makes anything as it is loaded, and many tests run this program many times.
    entryAlone: true,
    state: ({ type }) =>
      type === "kubernetes:core/v1:Service" && !preview ? { status: { loadBalancer } } : undefined,
  });
}
