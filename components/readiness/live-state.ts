import type { RequestAuthenticationSpec } from "../istio/request-authentication";
import { FinalError, type KubernetesAccess } from "../kubernetes/api-server";
import { drift } from "../kubernetes/drift";
import { proveCluster, readObject, readSpecs, type ObjectKey } from "../kubernetes/live-object";

/**
 * Compares the objects that a stack wrote with those in the cluster of its gateways.
 *
 * Without the right to read them nothing is refused.
 */
export class LiveState {
  /** @param connection undefined where no cluster is changed. */
  constructor(
    private readonly connection: Promise<{ readonly access: KubernetesAccess }> | undefined,
    private readonly timeoutSeconds: number,
  ) {}

  /**
   * The gateways follow the object in the cluster. Pulumi compares its inputs with its state, so it does not see that
   * another client has changed the object, and the gateways would never have the routes that the stack file asks for.
   *
   * @param uid of the object that was written. Default: any object of that name.
   * @throws Error where the object in the cluster differs from what was written.
   */
  async refuseDrift(key: ObjectKey, written: unknown, uid?: string): Promise<void> {
    const seen = await this.read((access, signal) => readObject(access, key, signal));
    const found = seen && drift(seen.live, written, uid);
    if (found === undefined) return;
    throw new Error(
      `${key.kind} ${key.namespace}/${key.name} ${found}\n` +
        "The state of the stack says otherwise, so an update without an edit does not put it back. Nothing was deleted. " +
        "To put back what the stack file says: pulumi up --refresh --skip-preview",
    );
  }

  /**
   * Another cluster may have endpoints of the same names, so a wait would end there too early.
   *
   * @throws FinalError where the object is not there or has another uid.
   */
  async refuseOtherCluster({ uid, ...key }: ObjectKey & { readonly uid?: string }): Promise<void> {
    await this.read((access, signal) => proveCluster(access, key, uid, signal));
  }

  /** Issuers in all RequestAuthentications of the cluster; undefined without the right to read them. */
  async issuers(): Promise<ReadonlySet<string> | undefined> {
    const specs = await this.read((access, signal) =>
      readSpecs<Partial<RequestAuthenticationSpec>>(access, "RequestAuthentication", signal),
    );
    return specs && new Set(specs.flatMap(({ jwtRules = [] }) => jwtRules.map(({ issuer }) => issuer)));
  }

  /**
   * The answer of the cluster; undefined where the caller may not ask.
   *
   * @throws FinalError of `question`; an error where the cluster does not answer within the time limit.
   */
  private async read<Answer>(
    question: (access: KubernetesAccess, signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer | undefined> {
    const signal = AbortSignal.timeout(this.timeoutSeconds * 1000);
    try {
      const access = (await this.connection)?.access;
      return access && (await question(access, signal));
    } catch (error) {
      if (error instanceof FinalError || signal.aborted) throw error;
      return undefined;
    }
  }
}
