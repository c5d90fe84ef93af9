import * as pulumi from "@pulumi/pulumi";
import { apiMessage, isFinal, kubernetesAccess, type ClusterAccess } from "./cluster-access";
import { OWNER_MARK, stackOf } from "./owner";
import { withoutStack } from "./without-stack";

/** Organization, project and stack, as marks name them. */
export const thisStack = (): string =>
  `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;

/** Said of what a stack has installed and then calls somebody else's. */
export const OURS =
  "this stack has installed it, and would now delete it; allowed: what somebody else, or another stack, has installed";

/** Whether this stack has made the namespace: what is in it would then be deleted, and not somebody else's. */
export async function isOurs({ client, config }: Access, namespace: string): Promise<boolean> {
  const live = await config
    .makeApiClient(client.CoreV1Api)
    .readNamespace({ name: namespace })
    // Whoever may not read it has not made it.
    .catch(() => undefined);
  return stackOf(live?.metadata?.annotations?.[OWNER_MARK] ?? "") === thisStack();
}

/** How long the API server may take to tell what is there. */
const TIMEOUT_MS = 10_000;

type Access = Awaited<ReturnType<typeof kubernetesAccess>>;

/**
 * What `look` finds in the cluster, in previews too; nothing with Pulumi's mocks, and nothing but a warning where the cluster
 * does not answer or the caller may not ask.
 *
 * @param what is looked at, and `rights` what it takes, both in words.
 * @throws RunError with the problems that `look` reports.
 */
export async function lookAt<Found>(
  {
    what,
    rights,
    cluster,
  }: { readonly what: string; readonly rights: string; readonly cluster?: ClusterAccess },
  look: (access: Access) => Promise<{
    readonly found: Found;
    readonly problems: readonly string[];
    readonly warnings?: readonly string[];
  }>,
): Promise<Found | undefined> {
  if (pulumi.runtime.getEngine() === undefined) return undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    const {
      found,
      problems,
      warnings = [],
    } = await Promise.race([
      kubernetesAccess(cluster).then(look),
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          reject(new Error(`no answer within ${TIMEOUT_MS / 1000} s`));
        }, TIMEOUT_MS);
      }),
    ]);
    for (const warning of warnings) void pulumi.log.warn(`${what}: ${warning}`);
    if (problems.length > 0)
      throw withoutStack(new Error([`${what}:`, ...problems.map((p) => `  - ${p}`)].join("\n")));
    return found;
  } catch (error) {
    if (error instanceof pulumi.RunError) throw error;
    void pulumi.log.warn(
      `${what} could not be checked: ${apiMessage(error)}${isFinal(error) ? `\nIt takes the rights to ${rights}.` : ""}`,
    );
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
