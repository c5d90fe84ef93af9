import * as pulumi from "@pulumi/pulumi";
import type { Gateway } from "../istio/gateway";
import {
  certificateProblems,
  missingCertificates,
  refusal,
  secretCommand,
  secretsQuestion,
  type HostsTls,
  type SecretDump,
} from "../security/tls-secrets";
import { apiMessage } from "../kubernetes/api-server";
import { changesCluster } from "../kubernetes/cluster-access";
import { lagOfGateway, type GatewayWait } from "./gateway-wait";
import { withoutStack } from "../kubernetes/without-stack";

/** The update fails after the time limit. */
export interface CertificatesArgs extends GatewayWait {
  readonly tls: readonly HostsTls[];
}

/** A Secret that exists reaches Envoy in less time; only one that is missing gets a hint. */
const HINT_MS = 3000;

/**
 * Resolves once every gateway pod has the certificates that `listeners` names. It rejects after the time limit, in each `up`
 * until the pods have them. It warns with a command for each missing Secret, and of certificates that clients will refuse.
 */
export function certificatesHeld(listeners: Gateway, args: CertificatesArgs): pulumi.Output<unknown> {
  // A preview knows the URN, but not the outputs.
  return listeners.urn.apply((urn) =>
    changesCluster()
      ? listeners.metadata.apply(async (metadata) => {
          try {
            await held(listeners, metadata, args);
          } catch (error) {
            throw withoutStack(error as Error);
          }
        })
      : pulumi.output<unknown>(urn),
  );
}

async function held(
  listeners: Gateway,
  metadata: Parameters<typeof lagOfGateway>[0],
  { tls, ...wait }: CertificatesArgs,
): Promise<void> {
  const { gateway, timeoutSeconds } = wait;
  const hintAt = Date.now() + HINT_MS;
  const commands = new Set<string>();
  let last: SecretDump = {};
  try {
    const lag = await lagOfGateway(metadata, wait, async (proxies, pod, signal) => {
      const dump = (last = await proxies.admin<SecretDump>(pod, secretsQuestion(tls), signal));
      const missing = missingCertificates(dump, tls);
      for (const one of missing) {
        const command = secretCommand(one, gateway.namespace);
        if (Date.now() < hintAt || commands.has(command)) continue;
        commands.add(command);
        void pulumi.log.warn(`Waiting for the certificate of ${one.hosts.join(", ")}: ${command}`, listeners);
      }
      const words = missing.map((one) => {
        const refused = refusal(dump, one);
        return `Secret ${one.credentialName}${refused === undefined ? "" : ` (${refused})`}`;
      });
      return words.length > 0 ? `has no certificate from ${words.join(", ")}` : undefined;
    });
    if (lag !== undefined) {
      const make = missingCertificates(last, tls).map(
        (one) => `\n  ${secretCommand(one, gateway.namespace)}`,
      );
      throw new Error(
        `The gateways have no certificates within ${timeoutSeconds} s:\n${lag}\n` +
          "Clients are served as before, and none is sent to HTTPS. " +
          (make.length > 0 ? `Where the Secret is missing, make it:${make.join("")}\nThen` : "Then") +
          " run the same command again.",
      );
    }
    for (const problem of certificateProblems(last, tls, new Date()))
      void pulumi.log.warn(problem, listeners);
  } catch (error) {
    throw new Error(apiMessage(error), { cause: error });
  }
}
