import { z } from "zod";
import { isIP } from "node:net";
import { HOST_NAME } from "./dns-names";
import { choice, field, list, object, refuse, type Refused, text, withDefault } from "./fields";
import { headerName } from "./http-names";
import { duration, integer } from "./number-fields";

/** A token bucket: a policy of all traffic, of a rule or of a version. */
export const rateLimit = object(
  {
    requests: integer(1, 1_000_000, {
      description: "Requests that go through per `per` in the long run.",
      example: 100,
    }),
    per: withDefault(
      duration("milliseconds", 1000, 86_400_000, {
        description: "The time that `requests` is about.",
        range: 'from "1s" to "24h"',
        example: "1s",
      }),
      1000,
      "1s",
    ),
    burst: integer(1, 1_000_000, {
      description:
        "Capacity of the token bucket: the number of requests that may come at once. Default: `requests`.",
      example: 20,
    }).exactOptional(),
  },
  "A token bucket: requests that find it empty are answered 429.",
).transform(({ per, ...limit }) => ({ ...limit, perMs: per }));

interface Service {
  readonly host: string;
  readonly port: number;
}

/** `host:port`; an IPv6 address in brackets. */
function serviceAddress(written: string): Service | undefined {
  const [, host = "", port = ""] = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(written)?.filter(Boolean) ?? [];
  const name = HOST_NAME.test(host) && host.includes(".") && !host.endsWith(".svc");
  return (isIP(host) > 0 || name) && Number(port) >= 1 && Number(port) <= 65_535
    ? { host, port: Number(port) }
    : undefined;
}

/** The value that was probably meant: without scheme and path, with the cluster's domain, with the usual port. */
function meantAddress(written: string): string | undefined {
  const bare = written
    .trim()
    .toLowerCase()
    .replace(/^\w+:\/\//, "")
    .replace(/\/.*$/, "");
  const whole = bare.replace(/\.svc(?=:|$)/, ".svc.cluster.local");
  return [whole, `${whole}:8081`].find((address) => address !== written && serviceAddress(address));
}

export const globalRateLimit = object(
  {
    service: field(
      (value): Service | Refused => {
        const written = typeof value === "string" ? value : "";
        const address = serviceAddress(written);
        if (address) return address;
        const meant = meantAddress(written);
        return refuse(...(meant === undefined ? [] : [meant]));
      },
      {
        title:
          "host:port, of a service in the cluster <name>.<namespace>.svc.cluster.local, of another host its whole name or its address",
        type: "string",
        pattern: ":\\d{1,5}$",
        description:
          "Where Envoy's rate limit API (gRPC, v3) is served. In the cluster the port of the Service must be named grpc or have appProtocol grpc.",
        example: "rate-limit.platform.svc.cluster.local:8081",
      },
    ),
    domain: text(/^[\w.-]{1,253}$/, 'letters, digits, "-", "_" and "."', {
      description: "The service's name for the set of limits to use.",
      example: "shop",
    }),
    timeout: withDefault(
      duration("milliseconds", 1, 10_000, {
        description: "How long a request waits for the service to decide.",
        range: 'from "1ms" to "10s"',
        example: "100ms",
      }),
      100,
      "100ms",
    ),
    failure: choice(["open", "closed"], {
      description:
        "What happens when the service does not decide: open lets requests through, closed answers them 503. No default: it is a choice between load and failure.",
    }),
    clients: list(
      z.union(
        [
          choice(["address"], { description: "The client's address as the gateway trusts it." }),
          object(
            {
              header: headerName("A request header that names the client.", "x-api-key").transform((name) =>
                name.toLowerCase(),
              ),
            },
            "The value of a request header; a request without it has no such descriptor.",
          ),
        ],
        { error: () => "address, or an object with header" },
      ),
      "a list of address and of objects with header, each once",
      "What tells clients apart. The service is asked about the rule, and for each of these about the rule and the client.",
    ).exactOptional(),
  },
  "Limits that an external service decides, over all pods of the gateway.",
).transform(({ service, timeout, clients, ...rest }) => ({
  ...rest,
  ...service,
  timeoutMs: timeout,
  ...(clients && {
    clients: clients.map((client) => (client === "address" ? ("clientAddress" as const) : client)),
  }),
}));
