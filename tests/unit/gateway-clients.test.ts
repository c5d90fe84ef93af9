import assert from "node:assert/strict";
import { clientPatches } from "../../components/mesh/gateway-clients";
import { wholeMatch } from "../../components/traffic/regex";

interface ConnectionManager {
  readonly http_protocol_options?: { readonly ignore_http_11_upgrade: [{ safe_regex: { regex: string } }] };
  readonly strip_matching_host_port?: boolean;
}

const managers = (...args: Parameters<typeof clientPatches>): ConnectionManager[] =>
  clientPatches(...args).map(
    ({ patch: { value } }) => (value as { typed_config: ConnectionManager }).typed_config,
  );

describe("the gateway's patches for clients", () => {
  it("ignore each offer to upgrade, except that to a WebSocket", () => {
    const [options] = managers(0).flatMap(({ http_protocol_options: found }) => (found ? [found] : []));
    assert.ok(options);
    const ignored = wholeMatch(options.ignore_http_11_upgrade[0].safe_regex.regex);
    for (const offer of ["TLS/1.2", "HTTP/2.0", "h2c", "web", "WEBsockets", "xwebsocket", ""])
      assert.ok(ignored(offer), offer);
    for (const offer of ["websocket", "WebSocket"]) assert.ok(!ignored(offer), offer);
  });

  it("leave the port in Host, except where TLS ends in a load balancer", () => {
    const stripped = (...args: Parameters<typeof clientPatches>): boolean =>
      managers(...args).some((options) => options.strip_matching_host_port);
    assert.ok(stripped(1, "load-balancer"));
    assert.ok(!stripped(1, "gateway"));
    assert.ok(!stripped(0));
  });
});
