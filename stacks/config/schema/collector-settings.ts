import { HOST_OR_ADDRESS, hostOf } from "./dns-names";
import { authorities } from "./certificate-field";
import { flag, object, text } from "./fields";
import { integer } from "./number-fields";

export const collector = object(
  {
    host: text(
      HOST_OR_ADDRESS,
      "a host name: service.namespace.svc.cluster.local, or one outside the cluster, or an IP address",
      {
        description:
          "Service of the cluster by its whole name, or a host or IP address outside, which the mesh gets to know by a ServiceEntry.",
        example: "collector.observability.svc.cluster.local",
      },
      hostOf,
    ),
    port: integer(1, 65_535, {
      description: "Port; the provider's usual one when absent.",
      example: 4317,
    }).exactOptional(),
    tls: flag({
      description:
        "Whether proxies speak TLS to a host outside the cluster and check its certificate. Default true; to an IP address only false is possible.",
      example: true,
    }).exactOptional(),
    ca: authorities(
      "Authorities that may have issued the collector's certificate, with TLS. Default: the public ones, as the proxy's image has them.",
    ).exactOptional(),
  },
  "Where to send.",
);
