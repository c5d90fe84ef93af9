import { HOST_NAME, HOST_OR_ADDRESS, hostOf, LABEL, LABEL_RULE, SUBDOMAIN } from "./dns-names";
import { namespace } from "./namespace-settings";
import { autoscaler, resources } from "./pod-settings";
import { formProblem } from "../report/catalogue";
import { choice, flag, map, object, refined, text, withDefault } from "./fields";
import { duration, integer } from "./number-fields";

const HOST = new RegExp(`^(\\*|(\\*\\.)?${HOST_NAME.source.slice(1, -1)})$`);

const hostTls = {
  credentialName: text(SUBDOMAIN, "the name of a Kubernetes Secret", {
    description:
      "Secret of type kubernetes.io/tls in the gateway's namespace. For MUTUAL its key ca.crt, or a Secret <name>-cacert, has the authorities of the clients.",
    example: "category-tls",
  }),
  mode: withDefault(
    choice(
      ["SIMPLE", "MUTUAL"],
      { description: "MUTUAL asks clients for a certificate." },
      { ISTIO_MUTUAL: "MUTUAL", OPTIONAL_MUTUAL: "MUTUAL" },
    ),
    "SIMPLE",
  ),
  minVersion: withDefault(
    choice(
      ["TLSV1_2", "TLSV1_3"],
      { description: "Lowest TLS version." },
      { TLSV1_0: "TLSV1_2", TLSV1_1: "TLSV1_2" },
    ),
    "TLSV1_2",
  ),
};

/** Kubernetes: "Labels and Selectors, Syntax and character set". */
const LABEL_VALUE = /[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?/;
const LABELS = {
  pattern: new RegExp(
    `^(${SUBDOMAIN.source.replace("^(?=.{1,253}$)", "").slice(0, -1)}/)?${LABEL_VALUE.source}$`,
  ),
  allowed: "the name of a label, with its prefix",
  kind: "label",
};

const existing = object(
  {
    namespace: text(LABEL, LABEL_RULE, {
      description: "Namespace of the gateway's pods.",
      example: "istio-ingress",
    }),
    labels: map(
      LABELS,
      text(new RegExp(`^${LABEL_VALUE.source}$`), "the value of a label", {
        description: "Value.",
        example: "ingressgateway",
      }),
      "Labels by which the pods are found; at least one.",
    ).superRefine(
      refined((labels) =>
        Object.keys(labels).length > 0 ? [] : [formProblem("gatewayLabelMissing", [], {})],
      ),
    ),
    serviceAccount: text(SUBDOMAIN, "the name of a service account", {
      description:
        "Service account of the pods; no other one may then reach the service. Default: any account of their namespace.",
      example: "istio-ingressgateway",
    }).exactOptional(),
    gateway: text(
      new RegExp(`${LABEL.source.slice(0, -1)}/${LABEL.source.slice(1)}`),
      "namespace/name of a Gateway object",
      {
        description:
          "Gateway object of the gateway's owner that serves the hosts. Default: this program writes one in the namespace of the pods, with `http` and `tls`.",
        example: "istio-ingress/public",
      },
    ).exactOptional(),
  },
  "A gateway with another owner and other users. This program does not change their objects.",
).meta({ required: ["namespace", "labels"] });

export const gateway = object(
  {
    serviceType: withDefault(
      choice(["LoadBalancer", "NodePort", "ClusterIP"], { description: "Type of the gateway's Service." }),
      "LoadBalancer",
    ),
    address: text(
      HOST_OR_ADDRESS,
      "a host name in lowercase or an IP address, without scheme, port and brackets",
      {
        description:
          "Host name or address by which clients reach the gateway; with NodePort or `existing` only.",
        example: "node.example.com",
      },
      hostOf,
    ).exactOptional(),
    nodePorts: object(
      {
        http: integer(30000, 32767, {
          description:
            "Port for HTTP. When absent 30080 with NodePort; with LoadBalancer Kubernetes chooses.",
          example: 30080,
        }).exactOptional(),
        https: integer(30000, 32767, {
          description:
            "Port for HTTPS. When absent 30443 with NodePort; with LoadBalancer Kubernetes chooses.",
          example: 30443,
        }).exactOptional(),
        status: integer(30000, 32767, {
          description:
            "Port for health checks: /healthz/ready. When absent none with NodePort; with LoadBalancer Kubernetes chooses.",
          example: 30021,
        }).exactOptional(),
      },
      "Fixed node ports. Not with ClusterIP.",
    ).exactOptional(),
    replicas: integer(1, 1000, {
      description: "Pods of the gateway. Default 1, or `autoscaler`.",
      example: 2,
    }).exactOptional(),
    autoscaler: autoscaler.exactOptional(),
    resources: resources.exactOptional(),
    http: withDefault(
      flag({ description: "Whether port 80 is open, to serve or to redirect to HTTPS." }),
      true,
    ),
    tls: object(
      {
        ...hostTls,
        redirect: flag({
          description: "Whether HTTP requests are redirected to HTTPS. Default: true where `http` is.",
          example: true,
        }).exactOptional(),
        hosts: map(
          { pattern: HOST, allowed: "a host name in lowercase", kind: "host" },
          object(hostTls, "TLS of one host.").meta({ required: ["credentialName"] }),
          "Host → its own TLS. All other hosts have the keys above.",
        ).exactOptional(),
      },
      "HTTPS; no HTTPS when absent.",
    )
      .meta({ required: ["credentialName"] })
      .exactOptional(),
    tlsTermination: withDefault(
      choice(["gateway", "load-balancer"], {
        description:
          "Where the TLS of clients ends. With load-balancer the gateway serves HTTP, trusts X-Forwarded-Proto, and redirects requests that came by HTTP.",
      }),
      "gateway",
    ),
    drain: withDefault(
      // Istio's agent drains for at least five seconds.
      duration("seconds", 5000, 3_600_000, {
        description: "How long a stopping gateway pod may go on serving open connections.",
        range: 'from "5s" to "1h"',
        example: "30s",
      }),
      30,
      "30s",
    ),
    imagePullPolicy: choice(["IfNotPresent", "Always", "Never"], {
      description: "When a node pulls the gateway's image; the chart's own rule when absent.",
    }).exactOptional(),
    existing: existing.exactOptional(),
    namespace: namespace("Namespace of the gateway's pods.", "istio-ingress"),
  },
  "The ingress gateway.",
);
