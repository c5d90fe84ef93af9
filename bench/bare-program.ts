/**
 * A bare Pulumi program: the resources of stack lab with plain inputs. It shows what Pulumi itself takes for them, without this
 * program's settings, components, hooks and waits.
 */
import { execa } from "execa";
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parse, stringify } from "yaml";
import { must, pulumi, ROOT } from "../lab/harness";
import { stackEnvironment } from "../lab/stack";

export interface RecordedResource {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
  /** URN. */
  readonly parent?: string;
  /** URNs. */
  readonly dependencies: readonly string[];
  /** Of the provider; absent for a component. */
  readonly version?: string;
  /** Operation → time with its unit. */
  readonly timeouts: Readonly<Record<string, string>>;
}

/** A resource in the JSON of `pulumi preview`. */
interface PreviewedState {
  readonly urn: string;
  readonly type: string;
  readonly inputs?: Record<string, unknown>;
  readonly parent?: string;
  readonly dependencies?: readonly string[];
  readonly provider?: string;
  /** Seconds. */
  readonly customTimeouts?: Readonly<Record<string, number>>;
}

export interface BareProgram {
  /** Takes the resources that the true program has with its present stack file. */
  readonly record: () => Promise<void>;
  readonly pulumi: (...args: string[]) => Promise<void>;
  readonly remove: () => void;
}

/** Pulumi writes it for a value that is not known before the update. */
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/**
 * Its state is a copy of stack lab's, so both describe the same objects of the cluster. After an `up` of the true program an `up`
 * of the bare program writes the values that the objects have already.
 */
export async function bareProgram(): Promise<BareProgram> {
  // Inside of the checkout, because Pulumi reads its Git metadata.
  const folder = path.join(ROOT, ".lab/bare");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const file = (name: string): string => path.join(folder, name);
  const yaml = (name: string): object => parse(readFileSync(path.join(ROOT, name), "utf8")) as object;
  copyFileSync(path.join(ROOT, "bench/bare.ts"), file("index.ts"));
  // Without a name Pulumi would take the program of the package around the folder.
  const program = { main: "index.ts", runtime: "nodejs" };
  writeFileSync(file("Pulumi.yaml"), stringify({ ...yaml("Pulumi.yaml"), ...program }));
  writeFileSync(file("Pulumi.lab.yaml"), stringify({ ...yaml("Pulumi.lab.yaml"), config: {} }));
  // Paths of charts are relative to the program.
  for (const name of ["node_modules", "lab", ".lab"]) symlinkSync(path.join(ROOT, name), file(name));

  const run = async (...args: string[]): Promise<void> => {
    const { exitCode, all } = await execa("pulumi", [...args, "--stack", "lab", "--non-interactive"], {
      cwd: folder,
      env: { ...stackEnvironment(), PULUMI_BACKEND_URL: `file://${folder}` },
      all: true,
      reject: false,
      stdin: "ignore",
    });
    assert.equal(exitCode, 0, all);
  };
  const record = async (): Promise<void> => {
    const { exitCode, stdout, all } = await pulumi("preview", "--json", "--show-sames");
    assert.equal(exitCode, 0, all);
    const { steps } = JSON.parse(stdout) as { steps: { newState?: PreviewedState }[] };
    const states = steps.flatMap(({ newState }) => newState ?? []);
    const text = JSON.stringify(states.filter(({ type }) => !type.startsWith("pulumi:")).map(recorded));
    assert.ok(!text.includes(UNKNOWN), "a plain input is known before the update");
    writeFileSync(file("resources.json"), text);
  };

  const takeState = async (): Promise<void> => {
    writeFileSync(file("state.json"), await must("pulumi", "stack", "export", "--stack", "lab"));
    await run("stack", "import", "--file", file("state.json"));
  };
  await run("stack", "select", "--create");
  await takeState();
  await record();
  await run("preview", "--expect-no-changes");
  return {
    record,
    pulumi: run,
    remove: () => {
      rmSync(folder, { recursive: true });
    },
  };
}

function recorded(state: PreviewedState): RecordedResource {
  const { urn, type, inputs = {}, parent, dependencies = [], provider, customTimeouts = {} } = state;
  const timeouts = Object.entries(customTimeouts).map(([operation, s]) => [operation, `${s}s`]);
  return {
    ...{ urn, type, inputs, parent, dependencies },
    name: urn.slice(urn.lastIndexOf("::") + 2),
    version: /::default_(\d+_\d+_\d+)::/.exec(provider ?? "")?.[1]?.replaceAll("_", "."),
    timeouts: Object.fromEntries(timeouts) as Record<string, string>,
  };
}
