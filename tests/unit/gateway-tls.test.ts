import assert from "node:assert/strict";
import type { Server } from "../../components/istio/gateway";
import { serverLag } from "../../components/readiness/gateway-tls";

const server = (host: string, tls: Server["tls"]): Server => ({
  port: { number: 443, name: "https", protocol: "HTTPS" },
  hosts: [`shop/${host}`],
  tls: { mode: "SIMPLE", credentialName: "shop-tls", minProtocolVersion: "TLSV1_2", ...tls },
});

/** A server as Envoy shows it. */
const chain = (server_names: string[] | undefined, version: string, mutual = false) => ({
  filter_chain_match: { ...(server_names && { server_names }) },
  transport_socket: {
    typed_config: {
      common_tls_context: { tls_params: { tls_minimum_protocol_version: version } },
      ...(mutual && { require_client_certificate: true }),
    },
  },
});
const dump = (...filter_chains: ReturnType<typeof chain>[]) => ({
  configs: [{ active_state: { listener: { filter_chains } } }],
});

describe("the HTTPS servers of a gateway proxy", () => {
  it("are those that were written, with their version of TLS and their clients' certificates", () => {
    const servers = [
      server("a.example.com", {}),
      server("b.example.com", { mode: "MUTUAL", minProtocolVersion: "TLSV1_3" }),
    ];
    const a = chain(["a.example.com"], "TLSv1_2");
    const lagOf = (...chains: ReturnType<typeof chain>[]): string =>
      serverLag(dump(...chains), servers) ?? "";
    assert.equal(lagOf(a, chain(["b.example.com"], "TLSv1_3", true)), "");
    assert.equal(lagOf(a), "does not serve b.example.com by HTTPS");
    assert.equal(
      lagOf(a, chain(["b.example.com"], "TLSv1_3")),
      "serves b.example.com by TLSV1_3 and newer, without certificates of clients instead of " +
        "TLSV1_3 and newer, with certificates of clients",
    );
    assert.match(lagOf(a, chain(["b.example.com"], "TLSv1_2", true)), /by TLSV1_2 and newer, with/);
    assert.equal(serverLag({}, servers), "does not serve a.example.com by HTTPS");
  });

  it("may be stricter than written, by a policy of the control plane", () => {
    assert.equal(
      serverLag(dump(chain(["a.example.com"], "TLSv1_3")), [server("a.example.com", {})]),
      undefined,
    );
  });

  it("have no names where one of the hosts is any host", () => {
    const any = { ...server("*", {}), hosts: ["shop/*", "shop/a.example.com"] };
    assert.equal(serverLag(dump(chain(undefined, "TLSv1_2")), [any]), undefined);
  });

  it("may be for any host, and plain HTTP is none of them", () => {
    assert.equal(serverLag(dump(chain(undefined, "TLSv1_2")), [server("*", {})]), undefined);
    const http: Server = { port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["a.example.com"] };
    assert.equal(serverLag({}, [http]), undefined);
  });
});
