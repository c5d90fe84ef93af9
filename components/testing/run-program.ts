import * as pulumi from "@pulumi/pulumi";
import { createRequire } from "node:module";
import path from "node:path";
import { setMocks } from "./mocks";

/** A resource that a program registered. */
export interface RegisteredResource {
  /** Pulumi's type, such as `kubernetes:apps/v1:Deployment`. */
  readonly type: string;
  /** Logical name. */
  readonly name: string;
  /** The resolved inputs; an input that is not known in a preview is missing. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- The inputs of any kind, which a test compares.
  readonly inputs: Readonly<Record<string, any>>;
  /** Logical name of the parent. Absent for children of the stack. */
  readonly parent?: string;
  /** Logical names of the dependencies, with " (awaited)" if the program also waits for something about them. */
  readonly dependsOn: readonly string[];
  /** The bound hooks, such as `beforeUpdate`. */
  readonly hooks: readonly string[];
  /** Absent if no changes are ignored. */
  readonly ignoreChanges?: readonly string[];
}

/** A run of a program. */
export interface ProgramRun {
  /** In the order of registration. */
  readonly resources: readonly RegisteredResource[];
  /** The outputs of the stack; one that is not known in a preview is undefined. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- As the inputs.
  readonly outputs: Readonly<Record<string, any>>;
  /** Logical name → logical names of the parents in its aliases. */
  readonly formerParents: ReadonlyMap<string, readonly string[]>;
  /** Logical name → logical names of the resources whose outputs are its inputs. */
  readonly reads: ReadonlyMap<string, readonly string[]>;
}

export interface ProgramOptions {
  /** Default `project`. */
  readonly project?: string;
  /** Default `test`. */
  readonly stack?: string;
  /** Whether this is a preview. What only the cluster knows is unknown then. Default false. */
  readonly preview?: boolean;
  /** `<namespace>:<key>` → value. Default: none. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Whether only the entry file is loaded anew: faster, and enough where no other module makes a resource or reads config as it is loaded. Default false. */
  readonly entryAlone?: boolean;
  /**
   * What a resource has besides its inputs, such as the `outputs` of a StackReference. Default: the status of a Helm release, and
   * an address (`192.0.2.1`) for a Service of type LoadBalancer.
   */
  readonly state?: (
    resource: pulumi.runtime.MockResourceArgs,
  ) => Readonly<Record<string, unknown>> | undefined;
  /** The answers of provider functions. Default: their arguments. */
  readonly call?: (call: pulumi.runtime.MockCallArgs) => Readonly<Record<string, unknown>>;
}

/**
 * Runs a Pulumi program without an engine and without a cluster, and returns what it registered. Hooks and waits do nothing.
 *
 * @param program the path of the entry file, which is loaded anew in each run, as CommonJS, with the modules that it loads from its
 *   folder, but not those in `node_modules`; or a function that makes the resources and returns the outputs.
 * @throws the error of the program.
 */
export async function runProgram(
  program: string | (() => unknown),
  options: ProgramOptions = {},
): Promise<ProgramRun> {
  // Pulumi's SDK takes a stack trace for each promise. A loader of TypeScript maps each to its source, in half of the time.
  const mapping = Object.getOwnPropertyDescriptor(Error, "prepareStackTrace");
  Reflect.deleteProperty(Error, "prepareStackTrace");
  try {
    return await run(
      typeof program === "string" ? () => loaded(program, options.entryAlone ?? false) : program,
      options,
    );
  } finally {
    if (mapping) Object.defineProperty(Error, "prepareStackTrace", mapping);
  }
}

function loaded(program: string, alone: boolean): unknown {
  // Relative to the working directory, as for any file that a caller names.
  const file = path.resolve(program);
  const load = createRequire(file);
  const entry = load.resolve(file);
  const isOfProgram = (other: string): boolean => !alone && isBelow(path.dirname(entry), other);
  const drop = (modules: Iterable<string>): void => {
    for (const of of modules) Reflect.deleteProperty(load.cache, of);
  };
  // Loading a module runs it: each module of the program that makes resources has to run again.
  drop([entry, ...modulesOf(load.cache[entry], isOfProgram)]);
  const others = new Set(Object.keys(load.cache));
  try {
    return load(entry);
  } catch (error) {
    // Node.js forgets an entry that throws, and with it what it had loaded.
    drop(Object.keys(load.cache).filter((other) => !others.has(other) && isOfProgram(other)));
    throw error;
  }
}

/** Whether a file is of a folder, and not installed there: Pulumi's SDK has the mocks, and stays. */
function isBelow(folder: string, file: string): boolean {
  const [first = "", ...more] = path.relative(folder, file).split(path.sep);
  return first !== ".." && ![first, ...more].includes("node_modules") && !path.isAbsolute(first);
}

/** The modules that an entry has loaded, as far as they are of its program. */
function modulesOf(
  entry: NodeJS.Module | undefined,
  isOfProgram: (file: string) => boolean,
): ReadonlySet<string> {
  const found = new Set<string>();
  const add = ({ filename, children }: NodeJS.Module): void => {
    if (found.has(filename) || !isOfProgram(filename)) return;
    found.add(filename);
    children.forEach(add);
  };
  if (entry) add(entry);
  return found;
}

async function run(
  program: () => unknown,
  { project = "project", stack = "test", preview = false, config = {}, state, call }: ProgramOptions,
): Promise<ProgramRun> {
  const inputs = new Map<string, Record<string, unknown>>();
  await setMocks(
    {
      newResource: (resource) => {
        const given = resource.inputs as Record<string, unknown>;
        inputs.set(resource.name, given);
        const more = state?.(resource) ?? (preview ? undefined : usualState(resource.type, given));
        return { id: preview ? undefined : `${resource.name}-id`, state: { ...given, ...more } };
      },
      call: (asked) => ({ ...(call?.(asked) ?? (asked.inputs as Record<string, unknown>)) }),
    },
    project,
    stack,
    preview,
  );
  pulumi.runtime.setAllConfig(
    Object.fromEntries(
      Object.entries(config).map(([k, v]) => [k, typeof v === "string" ? v : JSON.stringify(v)]),
    ),
  );
  const formerParents = new Map<string, string[]>();
  const reads = new Map<string, Promise<string[]>>();
  const registered: (Omit<RegisteredResource, "inputs" | "dependsOn"> & {
    readonly dependsOn: Promise<string[]>;
  })[] = [];
  const outputs = await pulumi.runtime.runInPulumiStack(async () => {
    pulumi.runtime.registerStackTransformation(({ type, name, props, opts }) => {
      if (type === "pulumi:pulumi:Stack") return undefined;
      const { aliases = [], parent, ignoreChanges } = opts;
      for (const alias of Array.isArray(aliases) ? aliases : []) {
        const former = typeof alias === "object" && "parent" in alias ? alias.parent : undefined;
        if (pulumi.Resource.isInstance(former))
          formerParents.set(name, [...(formerParents.get(name) ?? []), nameOf(former)]);
      }
      reads.set(name, resourcesIn(props));
      registered.push({
        type,
        name,
        ...(parent && parent !== pulumi.runtime.getStackResource() && { parent: nameOf(parent) }),
        dependsOn: dependencies(opts.dependsOn),
        hooks: Object.keys((opts as pulumi.CustomResourceOptions).hooks ?? {}),
        ...(ignoreChanges && { ignoreChanges }),
      });
      return undefined;
    });
    return { ...((await program()) as Record<string, unknown> | undefined) };
  });
  // Waits for every registration.
  await pulumi.runtime.disconnect();
  const resources = registered.map(async (resource) => ({
    ...resource,
    dependsOn: await resource.dependsOn,
    inputs: inputs.get(resource.name) ?? {},
  }));
  return {
    resources: await Promise.all(resources),
    outputs: (await resolved(outputs)) as Record<string, unknown>,
    formerParents,
    reads: new Map(await Promise.all([...reads].map(async ([name, of]) => [name, await of] as const))),
  };
}

/** What the cluster adds to an object that the components of this package read. */
function usualState(type: string, { name, namespace, version }: Record<string, unknown>): object | undefined {
  if (type === "kubernetes:helm.sh/v3:Release") return { status: { name, namespace, version } };
  if (type === "kubernetes:core/v1:Service")
    return { status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } } };
  return undefined;
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
