/** Mutual TLS and tokens. */
import type { Mesh } from "../mesh";
import type { Rule } from "../rule";

/** Namespace whose objects are for the whole mesh (Istio: meshConfig.rootNamespace, its default). */
export const ROOT_NAMESPACE = "istio-system";

/**
 * What a namespace asks of connections, apart from single workloads: the PeerAuthentication of the namespace, else the mesh's.
 * Undefined: the side does not say, or single workloads or ports are treated otherwise.
 */
export function mutualTls(mesh: Mesh, namespace: string): { mode: string; key: string } | undefined {
  const all = mesh.all("PeerAuthentication");
  if (all.some((one) => one.namespace === namespace && (one.spec.selector ?? one.spec.portLevelMtls)))
    return undefined;
  for (const place of [namespace, ROOT_NAMESPACE])
    for (const { spec, key, ...read } of all)
      if (read.namespace === place && spec.mtls?.mode && spec.mtls.mode !== "UNSET")
        return { mode: spec.mtls.mode, key };
  return undefined;
}

export const AUTHENTICATION_RULES: readonly Rule[] = [
  {
    code: "SL501",
    level: "medium",
    title: "pods that accept plain text",
    why: "Callers without an identity come in, and others can read the requests. PERMISSIVE is for a migration.",
    fix: "Set STRICT when all callers have a sidecar.",
    like: ["page: use strict mutual TLS"],
    *check(mesh) {
      for (const { object, spec } of mesh.all("PeerAuthentication"))
        for (const [field, mode] of [
          ["spec.mtls.mode", spec.mtls?.mode],
          ...Object.entries(spec.portLevelMtls ?? {}).map(([port, one]) => [
            `spec.portLevelMtls.${port}.mode`,
            one.mode,
          ]),
        ])
          if (field && (mode === "PERMISSIVE" || mode === "DISABLE"))
            yield { object, field, message: `The mode is ${mode}.` };
    },
  },
  {
    code: "SL502",
    level: "high",
    title: "keys of tokens over plain HTTP",
    why: "Someone between istiod and the server can send own keys, and sign tokens with them.",
    fix: "Use https.",
    like: [],
    *check(mesh) {
      for (const { object, spec } of mesh.all("RequestAuthentication"))
        for (const [i, { jwksUri }] of (spec.jwtRules ?? []).entries())
          if (jwksUri?.startsWith("http://") && !jwksUri.includes(".svc."))
            yield { object, field: `spec.jwtRules[${i}].jwksUri`, message: `${jwksUri} is plain HTTP.` };
    },
  },
  {
    code: "SL503",
    level: "medium",
    title: "istiod fetches keys from anywhere",
    why: "Each user who may write a RequestAuthentication makes istiod send requests into its network.",
    fix: "Set BLOCKED_CIDRS_IN_JWKS_URIS in the environment of istiod.",
    like: ["IST0175"],
    *check(mesh) {
      const uses = mesh
        .all("RequestAuthentication")
        .find(({ spec }) => (spec.jwtRules ?? []).some(({ jwksUri }) => jwksUri));
      if (!uses) return;
      for (const { object, spec } of mesh.all("Deployment")) {
        if (object.metadata.labels?.app !== "istiod") continue;
        const env = (spec.template?.spec?.containers ?? []).flatMap((container) => container.env ?? []);
        if (!env.some(({ name, value }) => name === "BLOCKED_CIDRS_IN_JWKS_URIS" && value))
          yield {
            object,
            field: "spec.template.spec.containers",
            message: `${uses.key} makes istiod fetch keys, and no address is forbidden.`,
          };
      }
    },
  },
];
