/** Messages of problems in production, and of settings that another owner decides. */
import { message } from "../../../components/traffic/problem";
import { show } from "./words";

const PRODUCTION = "shopzier:production is true";
const MOVES = "latest (also meant by no tag) moves: pods that are one by name would run different code";

const production = {
  productionWildcard: message("SM0901", (p: { host: string }) => ({
    found: show(p.host),
    allowed: "a host name without wildcard in production",
    hint: PRODUCTION,
  })),
  productionWithoutTls: message("SM0902", (p: { existing: boolean }) => ({
    found: "nothing",
    allowed: "HTTPS in production",
    hint: `${PRODUCTION}; where TLS ends before the gateway, ${p.existing ? "name its owner's Gateway object: existing.gateway" : "set tlsTermination: load-balancer"}`,
  })),
  productionPlainHttp: message("SM0903", () => ({
    found: "false with http true",
    allowed: "a redirect, or no HTTP, in production",
    hint: PRODUCTION,
  })),
  productionWithoutWait: message("SM0904", () => ({
    found: "false",
    allowed: "true in production",
    hint: `${PRODUCTION}; without the wait, a version is deleted while gateways still send to it`,
  })),
  productionPermissive: message("SM0905", (p: { namespace: boolean }) => ({
    found: "PERMISSIVE",
    allowed: "STRICT in production",
    hint: PRODUCTION + (p.namespace ? "; plain text has no identity by which anything could be allowed" : ""),
  })),
  productionChartsPlain: message("SM0906", (p: { url: string }) => ({
    found: `${show(p.url)}, over plain HTTP`,
    allowed: "charts over https or oci, or in a folder, in production",
    hint: `${PRODUCTION}; an attacker on the network could change what is installed`,
  })),
  productionOnePod: message(
    "SM0907",
    (p: { pods: number; subject: "istiod" | "the gateway" | "a version" }) => ({
      found: String(p.pods),
      allowed: `at least 2 pods of ${p.subject}${p.subject === "a version" ? " with traffic" : ""} in production`,
      hint:
        PRODUCTION +
        (p.subject === "istiod"
          ? "; while no istiod answers, new pods get no certificates and no edit takes effect"
          : ""),
    }),
  ),
  productionTagMoves: message("SM0908", (p: { image: string; tagged: boolean }) => ({
    found: `${show(p.image)}, ${p.tagged ? "a tag that moves" : "without a tag"}`,
    allowed: "a tag other than latest, or a digest, in production",
    hint: MOVES,
  })),
  productionIstioTagMoves: message("SM0909", () => ({
    found: '"latest", a tag that moves',
    allowed: "a tag other than latest in production",
    hint: PRODUCTION,
  })),
  productionFault: message("SM0910", () => ({
    found: "faults in production",
    allowed: "faults in production where allowInProduction is true",
    hint: PRODUCTION,
  })),
  productionPassthrough: message("SM0911", () => ({
    found: "PASSTHROUGH",
    allowed: "an algorithm that picks a pod, in production",
    hint: "a gateway has no address to pass on: it answers 503 to every request",
  })),
  productionWithoutVolume: message("SM0912", () => ({
    found: "nothing",
    allowed: "a persistent volume in production",
    hint: PRODUCTION,
  })),
};

/** Why a setting is not allowed for a stack that does not own the mesh or the gateway. */
const OWNERS = {
  images: "its owner chooses the images",
  istioTag: "its owner chooses the images; a revision tag is istio.revision",
  istiod: "its owner runs istiod",
  installs: "its owner installs it",
  tracing: "its collector is an extension provider of the mesh, which only its owner may set",
  accessLogs: "they are a setting of the mesh, which only its owner may set",
  metrics: "they are settings of the mesh, which only its owner may set",
  prometheus: "its rules go by tags of metrics that only the owner of the mesh may set",
  dashboards: "they go by tags of metrics that only the owner of the mesh may set",
  grafana: "its dashboards go by tags of metrics that only the owner of the mesh may set",
  namespaces: "other namespaces have other owners; mtls.mode applies to the pods of the service",
  createdByIstio: "it has the Istio that runs",
  gatewayPods: "its owner runs the pods and their Service",
  forwardedProto: "its owner says how the gateway reads X-Forwarded-Proto",
  gatewayChart: "its owner installs the gateway",
  trustedProxies:
    "how many proxies are trusted holds for the whole gateway: its owner sets numTrustedProxies",
  sticky: "clients are told apart by a filter of the whole gateway",
  limits: "limits are filters of the whole gateway; a version has limits of its own: traffic.versions",
  versionRead: "no chart of Istio is installed; the version that runs is read and checked",
  chartsUnused: "no chart of Istio is installed",
  listener: "the Gateway object that is named says it",
} as const;
export type OwnersReason = keyof typeof OWNERS;

const OTHER_USERS = "the gateway has other users";
const SIDECARS_VERIFY = "tokens are verified by the service's own sidecars";

const existing = {
  ownedByOthers: message("SM1001", (p: { value: unknown; beside: string; why: OwnersReason }) => ({
    found: `${show(p.value)} with ${p.beside}`,
    allowed: "nothing",
    hint: OWNERS[p.why],
  })),
  sharedWildcard: message("SM1002", (p: { host: string }) => ({
    found: `${show(p.host)} with gateway.existing`,
    allowed: "a host name without wildcard",
    hint: OTHER_USERS,
  })),
  sharedLimit: message("SM1003", () => ({
    found: "a limit with gateway.existing",
    allowed: "nothing",
    hint: OWNERS.limits,
  })),
  sharedClaims: message("SM1004", (p: { place: "lists" | "rules" }) => ({
    found: "claims with gateway.existing",
    allowed: "addresses, methods and paths",
    hint: `${p.place === "lists" ? "lists are judged" : "rules are tried"} at the gateway: ${SIDECARS_VERIFY}, ${OTHER_USERS}`,
    advice: "remove the whole entry or rule in the stack file",
  })),
  sharedRewrite: message("SM1005", () => ({
    found: "another path with gateway.existing and paths in security.authentication",
    allowed: "the path that clients ask for",
    hint: `${SIDECARS_VERIFY}, which judge the path that they get`,
  })),
  sharedAnswer: message("SM1006", () => ({
    found: "an answer of the gateway with gateway.existing and security.authentication",
    allowed: "a version that answers",
    hint: `${SIDECARS_VERIFY}, which such a request never reaches`,
    advice: "send the rule's requests to a version, or remove the rule",
  })),
  sharedListTooMixed: message("SM1007", (p: { why: string }) => ({
    found: "a list of many different entries with gateway.existing",
    allowed: "entries that ask for the same kinds of condition",
    hint: p.why,
    advice: "join entries in the stack file",
  })),
};

export const PRODUCTION_MESSAGES = { ...production, ...existing };
