import * as pulumi from "@pulumi/pulumi";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parse } from "yaml";

export const ROOT = path.resolve(__dirname, "../..");
const load = createRequire(__filename);
export const STACKS = ["dev", "staging", "prod", "lab", "kind"] as const;

/** A resource that the program registered. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
  /** Logical name of the parent; absent for children of the stack. */
  readonly parent?: string;
  /** Logical names of the dependencies, with "awaited" if the program also waits for something about them. */
  readonly dependsOn: readonly string[];
  readonly hooks: readonly string[];
  /** Absent if no changes are ignored. */
  readonly ignoreChanges?: readonly string[];
}

export interface Run {
  /** In the order of registration. */
  readonly resources: readonly Registered[];
  readonly outputs: Record<string, unknown>;
  /** Logical name → logical names of the parents in its aliases. */
  readonly formerParents: ReadonlyMap<string, readonly string[]>;
  /** Logical name → logical names of the resources whose outputs are its inputs. */
  readonly reads: ReadonlyMap<string, readonly string[]>;
}

/** The value of `config:` in the stack file. */
export function stackConfig(stack: string): Record<string, unknown> {
  const file = readFileSync(path.join(ROOT, `Pulumi.${stack}.yaml`), "utf8");
  return (parse(file) as { config: Record<string, unknown> }).config;
}

/**
 * Runs the real `index.ts` without an engine, in update or preview mode. Outputs of the cluster (`status`) are unknown in a
 * preview.
 */
export async function runProgram(...args: Parameters<typeof run>): Promise<Run> {
  // Pulumi's SDK takes a stack trace for each promise, and ts-node maps each to its source, which takes half of the time.
  const mapping = Object.getOwnPropertyDescriptor(Error, "prepareStackTrace");
  Reflect.deleteProperty(Error, "prepareStackTrace");
  try {
    return await run(...args);
  } finally {
    if (mapping) Object.defineProperty(Error, "prepareStackTrace", mapping);
  }
}

async function run(
  config: Record<string, unknown>,
  {
    stack = "test",
    preview = false,
    loadBalancer = { ingress: [{ hostname: "gateway.example.com" }] },
  }: { stack?: string; preview?: boolean; loadBalancer?: object } = {},
): Promise<Run> {
  const state = new Map<string, Record<string, unknown>>();
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        const given = inputs as Record<string, unknown>;
        state.set(name, given);
        const status =
          type === "kubernetes:helm.sh/v3:Release" && !preview
            ? { status: { name: given.name, namespace: given.namespace, version: given.version } }
            : type === "kubernetes:core/v1:Service" && !preview
              ? { status: { loadBalancer } }
              : {};
        return { id: preview ? undefined : `${name}-id`, state: { ...given, ...status } };
      },
      call: ({ inputs }) => inputs as Record<string, unknown>,
    },
    "shopzier",
    stack,
    preview,
  );
  // Pulumi's mocks cannot register hooks, because their monitor lacks the call.
  Object.assign(pulumi.runtime.getMonitor() ?? {}, {
    registerResourceHook: (_request: unknown, done: (error: null, reply: object) => void) => {
      done(null, {});
    },
  });
  pulumi.runtime.setAllConfig(
    Object.fromEntries(
      Object.entries(config).map(([k, v]) => [k, typeof v === "string" ? v : JSON.stringify(v)]),
    ),
  );
  const formerParents = new Map<string, string[]>();
  const reads = new Map<string, Promise<string[]>>();
  const registered: (Omit<Registered, "inputs" | "dependsOn"> & { dependsOn: Promise<string[]> })[] = [];
  const outputs = await pulumi.runtime.runInPulumiStack(() => {
    pulumi.runtime.registerStackTransformation(({ type, name, props, opts }) => {
      if (type !== "pulumi:pulumi:Stack") {
        const { aliases = [] } = opts;
        for (const alias of Array.isArray(aliases) ? aliases : []) {
          const parent = typeof alias === "object" && "parent" in alias ? alias.parent : undefined;
          if (pulumi.Resource.isInstance(parent))
            formerParents.set(name, [...(formerParents.get(name) ?? []), nameOf(parent)]);
        }
        reads.set(name, resourcesIn(props));
        const hooks = (opts as pulumi.CustomResourceOptions).hooks ?? {};
        registered.push({
          type,
          name,
          ...(opts.parent && nameOf(opts.parent) !== `shopzier-${stack}` && { parent: nameOf(opts.parent) }),
          dependsOn: dependencies(opts.dependsOn),
          hooks: Object.keys(hooks),
          ...(opts.ignoreChanges && { ignoreChanges: opts.ignoreChanges }),
        });
      }
      return undefined;
    });
    const entry = path.join(ROOT, "index.ts");
    // Loading the entry point runs it.
    Reflect.deleteProperty(require.cache, entry);
    return Promise.resolve({ ...(load(entry) as Record<string, unknown>) });
  });
  await pulumi.runtime.disconnect();
  const resources = registered.map(async (r) => ({
    ...r,
    dependsOn: await r.dependsOn,
    inputs: state.get(r.name) ?? {},
  }));
  return {
    resources: await Promise.all(resources),
    outputs: (await resolved(outputs)) as Record<string, unknown>,
    formerParents,
    reads: new Map(await Promise.all([...reads].map(async ([name, of]) => [name, await of] as const))),
  };
}

const nameOf = (resource: pulumi.Resource): string => (resource as unknown as { __name: string }).__name;

type Dependency = pulumi.Input<pulumi.Resource | pulumi.Input<pulumi.Resource>[]>;

/** The names of dependencies, including those in outputs and promises. */
async function dependencies(of: Dependency = [], awaited = ""): Promise<string[]> {
  if (pulumi.Resource.isInstance(of)) return [nameOf(of) + awaited];
  if (Array.isArray(of)) return (await Promise.all(of.map((one) => dependencies(one, awaited)))).flat();
  const brought = (pulumi.Output.isInstance(of) ? await resolved(of) : await of) as Dependency;
  // An unknown output never resolves in a preview.
  return brought === of ? [] : dependencies(brought, " (awaited)");
}

/** The names of the resources whose outputs are in a value. */
async function resourcesIn(value: unknown): Promise<string[]> {
  if (pulumi.Output.isInstance(value)) {
    const { allResources } = value as unknown as { allResources?: () => Promise<Set<pulumi.Resource>> };
    return [...((await allResources?.call(value)) ?? [])].map(nameOf);
  }
  if (typeof value !== "object" || value === null || pulumi.Resource.isInstance(value)) return [];
  const found = await Promise.all(Object.values(value).map(resourcesIn));
  return [...new Set(found.flat())];
}

/** Waits for every output in a value; an unknown one becomes undefined. */
function resolved(value: unknown): Promise<unknown> {
  return new Promise((resolve) => {
    const output = pulumi.output(value) as unknown as {
      apply: (done: (v: unknown) => void, runWithUnknowns: boolean) => void;
    };
    output.apply(resolve, true);
  });
}
