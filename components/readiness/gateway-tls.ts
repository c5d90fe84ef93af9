/** Compares the HTTPS servers of the gateways' proxies with the Gateway object: hosts, lowest TLS version, client certificates. */
import * as pulumi from "@pulumi/pulumi";
import type { Gateway, Server } from "../istio/gateway";
import { apiMessage } from "../kubernetes/api-server";
import { changesCluster } from "../kubernetes/cluster-access";
import { withoutStack } from "../kubernetes/without-stack";
import { LISTENERS_QUESTION, type ListenerDump } from "./gateway-policies";
import { lagOfGateway, type GatewayWait } from "./gateway-wait";

/**
 * How a proxy's listeners differ from the HTTPS servers among `servers`, in words; undefined where they do not (Istio:
 * pilot/pkg/networking/core/gateway.go).
 */
export function serverLag(dump: ListenerDump, servers: readonly Server[]): string | undefined {
  const chains = (dump.configs ?? []).flatMap(
    ({ active_state }) => active_state?.listener?.filter_chains ?? [],
  );
  for (const { port, hosts, tls } of servers) {
    if (port.protocol !== "HTTPS") continue;
    const mutual = tls?.mode === "MUTUAL";
    const wanted = tls?.minProtocolVersion?.toUpperCase() ?? "";
    const names = hosts.map((bound) => bound.slice(bound.indexOf("/") + 1));
    // Istio leaves out the names of a chain that serves every host.
    for (const host of names.includes("*") ? ["*"] : names) {
      const [chain] = chains
        .filter(({ transport_socket }) => transport_socket?.typed_config?.common_tls_context)
        .filter(({ filter_chain_match: { server_names = ["*"] } = {} }) => server_names.includes(host));
      if (!chain) return `does not serve ${host} by HTTPS`;
      const { require_client_certificate = false, common_tls_context } =
        chain.transport_socket?.typed_config ?? {};
      const held = common_tls_context?.tls_params?.tls_minimum_protocol_version?.toUpperCase() ?? "";
      // A compliance policy of the control plane may demand more (Istio: `COMPLIANCE_POLICY`).
      if (held < wanted || require_client_certificate !== mutual)
        return `serves ${host} by ${tlsText(held, require_client_certificate)} instead of ${tlsText(wanted, mutual)}`;
    }
  }
  return undefined;
}

const tlsText = (version: string, mutual: boolean): string =>
  `${version || "any TLS"} and newer, ${mutual ? "with" : "without"} certificates of clients`;

/** Resolves once every gateway pod serves HTTPS as the Gateway object says. Rejects after the time limit; Pulumi reports the rejection. */
export function serversTaken(
  written: Gateway,
  servers: readonly Server[],
  wait: GatewayWait,
): pulumi.Output<void> {
  return written.metadata.apply(async (metadata) => {
    if (!changesCluster()) return;
    try {
      const lag = await lagOfGateway(metadata, wait, async (proxies, pod, signal) =>
        serverLag(await proxies.admin<ListenerDump>(pod, LISTENERS_QUESTION, signal), servers),
      );
      if (lag === undefined) return;
      throw new Error(
        `The gateways do not serve HTTPS as written within ${wait.timeoutSeconds} s:\n${lag}\n` +
          "Nothing was deleted. Once the reason is gone, run the same command again.",
      );
    } catch (error) {
      throw withoutStack(new Error(apiMessage(error), { cause: error }));
    }
  });
}
