import * as pulumi from "@pulumi/pulumi";
import { apiMessage, isFinal } from "./api-server";
import { kubernetesAccess, type ClusterAccess } from "./cluster-access";
import { OWNER_MARK, stackOf } from "./owner";
import { withoutStack } from "./without-stack";

/** Organization, project and stack, in the form of {@link stackOf}. */
export const thisStack = (): string =>
  `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;

/** Problem of an object that this stack has installed and that the settings call an existing one. */
export const OURS =
  "this stack has installed it, and would now delete it; allowed: an installation of another owner";

/** Whether this stack created the namespace. If so, its objects are in the state and an update would delete them. */
export async function isOurs({ client, config }: Access, namespace: string): Promise<boolean> {
  const live = await config
    .makeApiClient(client.CoreV1Api)
    .readNamespace({ name: namespace })
    // A caller who may not read the namespace did not create it.
    .catch(() => undefined);
  return stackOf(live?.metadata?.annotations?.[OWNER_MARK] ?? "") === thisStack();
}

/** Time limit for the API server. */
const TIMEOUT_MS = 10_000;

type Access = Awaited<ReturnType<typeof kubernetesAccess>>;

/**
 * What `look` finds in the cluster, in previews too; undefined with Pulumi's mocks. If the cluster does not answer, or the
 * caller may not ask, the result is undefined too, and there is a warning.
 *
 * @param what the object, for messages.
 * @param rights the rights that `look` needs, for messages.
 * @throws RunError with the problems that `look` returns.
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
