import { LABEL, LABEL_RULE } from "./dns-names";
import { choice, flag, list, map, object, text, withDefault } from "./fields";
import { integer } from "./number-fields";
import { access, services } from "./access-settings";
import { authentication } from "./authentication-settings";

const MODES = ["STRICT", "PERMISSIVE"] as const;
const mode = (description: string) => choice(MODES, { description }, { DISABLE: "PERMISSIVE" });

const mtls = object(
  {
    mode: withDefault(
      mode(
        "STRICT accepts only mutual TLS. PERMISSIVE accepts plain text too, until all clients have a sidecar.",
      ),
      "STRICT",
    ),
    namespaces: map(
      { pattern: LABEL, allowed: LABEL_RULE, kind: "namespace" },
      mode("Mode of this namespace."),
      "Namespace → mode, where it is not that of the mesh. The namespaces must exist.",
    ).prefault({}),
  },
  "Mutual TLS between the workloads of the mesh.",
);

export const security = object(
  {
    mtls: mtls.prefault({}),
    trustedProxies: withDefault(
      integer(0, 10, {
        description:
          "Proxies in front of the gateway that append their client to X-Forwarded-For. With 0 the client is the peer of the gateway, and the header is not believed.",
        example: 1,
      }),
      0,
    ),
    access: access.exactOptional(),
    services: services.exactOptional(),
    authentication: authentication.exactOptional(),
    networkPolicies: object(
      {
        enabled: withDefault(
          flag({
            description:
              "Whether NetworkPolicies are written: without effect where the network enforces none.",
          }),
          true,
        ),
        scrapers: withDefault(
          list(
            text(LABEL, LABEL_RULE, { description: "A namespace.", example: "monitoring" }),
            "a list of namespaces, each once",
            "Namespaces whose pods may fetch metrics, in addition to that of `observability.prometheus`.",
          ),
          ["prometheus"],
        ),
      },
      "What the cluster's network lets through: the same as the policies of the sidecars, by namespace and port.",
    ).prefault({}),
  },
  "Who may come in, and who may talk to whom.",
);
