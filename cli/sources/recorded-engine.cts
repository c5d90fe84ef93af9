/**
 * Runs a Pulumi program as Pulumi's language host does, with an engine that records what the program registers and knows
 * nothing of a cluster, as in a preview of a stack that does not exist yet. It is a process of its own, and loads the Pulumi SDK of
 * the program. Written without `import`, so that Node.js can load it as it is.
 */
const { createRequire } = process.getBuiltinModule("node:module");
const { writeSync } = process.getBuiltinModule("node:fs");
const path = process.getBuiltinModule("node:path");

/** Argument of the process, as JSON. */
interface Program {
  /** Working folder of the program; its SDK is found from here. */
  readonly folder: string;
  /** File or folder in it; `.`: what package.json says. */
  readonly main: string;
  /** Folder of Pulumi.yaml. */
  readonly root: string;
  readonly project: string;
  readonly stack: string;
  readonly organization: string;
}

interface Struct {
  toJavaScript: () => Record<string, unknown>;
}
type Pulumi = typeof import("@pulumi/pulumi");

/** Of the SDK's requests, what is read here. */
interface Request {
  getType: () => string;
  getName: () => string;
  getParent: () => string;
  getProvider: () => string;
  getCustom: () => boolean;
  getObject: () => Struct | undefined;
  getTransformsList?: () => readonly unknown[];
}

type Reply = (error: Error | null, reply: object) => void;
type Monitor = Record<string, unknown>;

const given = JSON.parse(process.argv[2] ?? "{}") as Program;
const load = createRequire(path.join(given.folder, "index.js"));
/** What the program did, in its order: one JSON text a line on descriptor 3. */
const report = (entry: object): void => {
  let rest = Buffer.from(`${JSON.stringify(entry)}\n`);
  while (rest.length > 0) rest = rest.subarray(writeSync(3, rest));
};

function recordingMonitor(): Monitor {
  const proto = load("@pulumi/pulumi/proto/resource_pb") as Record<
    "RegisterResourceResponse",
    new () => Record<"setUrn" | "setObject", (value: unknown) => void>
  >;
  const { Struct } = createRequire(load.resolve("@pulumi/pulumi"))(
    "google-protobuf/google/protobuf/struct_pb",
  ) as {
    Struct: { fromJavaScript: (value: object) => unknown };
  };
  const nothing = (_request: unknown, done: Reply): void => {
    done(null, {});
  };
  return {
    registerResource: (request: Request, done: Reply): void => {
      const [type, name] = [request.getType(), request.getName()];
      const inputs = request.getObject()?.toJavaScript() ?? {};
      const urn = urnOf(request.getParent(), type, name);
      const custom = request.getCustom();
      const { yaml, files, objs } = inputs;
      if (type === "kubernetes:yaml/v2:ConfigGroup" && typeof yaml === "string" && !(files ?? objs))
        report({ manifests: yaml });
      else report({ urn, type, name, custom, provider: request.getProvider(), inputs });
      if ((request.getTransformsList?.() ?? []).length > 0)
        report({ unseen: `what the transforms of ${name} change` });
      const reply = new proto.RegisterResourceResponse();
      reply.setUrn(urn);
      reply.setObject(Struct.fromJavaScript(custom ? named(type, name, inputs) : inputs));
      done(null, reply);
    },
    registerResourceOutputs: nothing,
    registerResourceHook: nothing,
    registerStackTransform: (_request: unknown, done: Reply): void => {
      report({ unseen: "what the program's transforms of all resources change" });
      done(null, {});
    },
    registerErrorHook: nothing,
    signalAndWaitForShutdown: nothing,
  };
}

/** As the engine makes it. */
function urnOf(parent: string, type: string, name: string): string {
  const above = parent.split("::")[2] ?? "";
  const qualified = above === "" || above === "pulumi:pulumi:Stack" ? type : `${above}$${type}`;
  return `urn:pulumi:${given.stack}::${given.project}::${qualified}::${name}`;
}

/** The provider gives a name to objects that have none. */
function named(type: string, name: string, inputs: Record<string, unknown>): object {
  const metadata = inputs.metadata ?? {};
  if (!type.startsWith("kubernetes:") || typeof metadata !== "object") return inputs;
  return { ...inputs, metadata: { name, ...metadata } };
}

async function main(): Promise<void> {
  const { runtime } = load("@pulumi/pulumi") as Pulumi;
  const { project, stack, organization, folder, root } = given;
  await runtime.setMocks(
    {
      newResource: ({ inputs }) => ({ id: undefined, state: inputs as Record<string, unknown> }),
      call: ({ token, inputs }) => {
        if (token === "kubernetes:yaml:decode") report({ manifests: (inputs as { text?: unknown }).text });
        // The components that ask say that their objects are not shown.
        else if (!token.startsWith("kubernetes:"))
          report({ unseen: `what depends on the answer of ${token}` });
        // Functions of Kubernetes' provider that render objects return a list.
        return token.startsWith("kubernetes:") ? { result: [] } : {};
      },
    },
    project,
    stack,
    true,
    organization,
  );
  Object.assign(runtime.getMonitor() as object, recordingMonitor());
  const flags = { organization, project, "root-directory": root, stack, pwd: folder, monitor: "mock" };
  const options = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  process.argv = [...process.argv.slice(0, 2), ...options, "--dry-run", given.main];
  load("@pulumi/pulumi/cmd/run");
  // It maps stack traces to their sources. The SDK takes one for each promise, a third of the whole time.
  Reflect.deleteProperty(Error, "prepareStackTrace");
}

main().catch((error: unknown) => {
  // Only loading the SDK fails here; the program's own errors are reported by the SDK.
  console.error(error instanceof Error ? error.message.split("\n")[0] : error);
  process.exit(1);
});
