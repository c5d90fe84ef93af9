import * as pulumi from "@pulumi/pulumi";

/** The call of Pulumi's engine that registers a hook. */
type RegisterHook = (request: unknown, done: (error: null, reply: object) => void) => void;

/**
 * As `pulumi.runtime.setMocks`, with the same arguments. Its mocks (SDK 3.276) cannot register resource hooks, which
 * IngressGateway and VersionRoutes have. These can; no hook is called.
 */
export async function setMocks(...args: Parameters<typeof pulumi.runtime.setMocks>): Promise<void> {
  await pulumi.runtime.setMocks(...args);
  const monitor = pulumi.runtime.getMonitor() as unknown as { registerResourceHook?: RegisterHook };
  monitor.registerResourceHook ??= (_request, done) => {
    done(null, {});
  };
}
