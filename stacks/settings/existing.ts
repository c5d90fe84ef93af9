/** What does not go with an Istio or a gateway that somebody else runs. */
import { planAccess, type AccessLists } from "../../components/security/access-lists";
import { isObject, show } from "./fields";
import type { Finding, Path } from "./problem";
import type { PartialConfiguration } from "./rules";
import { claimUses } from "./security-rules";

/** Settings of what is not ours, and why. */
const OF_ISTIO: Readonly<Record<string, string>> = {
  "istio.hub": "its owner chooses the images",
  "istio.tag": "its owner chooses the images; a revision tag is istio.revision",
  "istio.controlPlane": "its owner runs istiod",
  "istio.values.base": "its owner installs it",
  "istio.values.istiod": "its owner installs it",
  "observability.tracing": "its collector is an extension provider of the mesh, which only its owner may set",
  "observability.accessLogs": "they are a setting of the mesh, which only its owner may set",
  "observability.metrics": "they are settings of the mesh, which only its owner may set",
  "observability.prometheus": "its rules go by tags of metrics that only the owner of the mesh may set",
  "observability.dashboards": "they go by tags of metrics that only the owner of the mesh may set",
  "observability.grafana": "its dashboards go by tags of metrics that only the owner of the mesh may set",
  "security.mtls.namespaces": "other namespaces are not ours; mtls.mode holds for the pods of the service",
};
const OF_GATEWAY: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      "namespace",
      "serviceType",
      "nodePorts",
      "replicas",
      "autoscaler",
      "resources",
      "drain",
      "imagePullPolicy",
    ].map((key) => [`gateway.${key}`, "its owner runs the pods and their Service"]),
  ),
  "gateway.tlsTermination": "its owner says how the gateway reads X-Forwarded-Proto",
  "istio.values.gateway": "its owner installs the gateway",
  "security.trustedProxies":
    "how many proxies are trusted holds for the whole gateway: its owner sets numTrustedProxies",
  "traffic.globalRateLimit":
    "limits are filters of the whole gateway; a version has limits of its own: traffic.versions",
  "traffic.rateLimit":
    "limits are filters of the whole gateway; a version has limits of its own: traffic.versions",
};
const OF_CHARTS: Readonly<Record<string, string>> = {
  "istio.version": "no chart of Istio is installed; the version that runs is read and checked",
  "istio.charts": "no chart of Istio is installed",
};
const OF_LISTENER: Readonly<Record<string, string>> = {
  "gateway.http": "the Gateway object that is named says it",
  "gateway.tls": "the Gateway object that is named says it",
};

/**
 * @param unread values that had problems of their own.
 * @param written the configuration as it was written, without defaults.
 */
export function* existingFindings(
  c: PartialConfiguration,
  unread: readonly Path[],
  written: unknown,
): Generator<Finding> {
  const { istio, gateway } = c;
  const refused = (settings: Readonly<Record<string, string>>, beside: string) =>
    Object.entries(settings).flatMap(([key, hint]): Finding[] => {
      const path = key.split(".");
      const value = valueAt(written, path);
      if (value === undefined || (isObject(value) && Object.keys(value).length === 0)) return [];
      return [
        {
          path,
          found: `${show(value)} with ${beside}`,
          allowed: "nothing",
          hint,
          repairs: [{ remove: path }],
        },
      ];
    });
  if (istio?.install === false) {
    yield* refused(OF_ISTIO, "istio.install false");
    if (istio.namespace?.create === true && isObject(valueAt(written, ["istio", "namespace"])))
      yield* refused({ "istio.namespace.create": "it has the Istio that runs" }, "istio.install false");
  }
  if (gateway?.existing === undefined) return;
  yield* refused(OF_GATEWAY, "gateway.existing");
  if (istio?.install === false) yield* refused(OF_CHARTS, "istio.install false and gateway.existing");
  if (gateway.existing.gateway !== undefined) yield* refused(OF_LISTENER, "gateway.existing.gateway");
  const shared = "the gateway has other users";
  const hosts = [c.category?.host, ...(c.category?.aliases ?? [])];
  for (const [i, host] of hosts.entries()) {
    if (host?.includes("*") !== true) continue;
    yield {
      path: i === 0 ? ["category", "host"] : ["category", "aliases", i - 1],
      found: `${show(host)} with gateway.existing`,
      allowed: "a host name without wildcard",
      hint: shared,
      repairs: [{ set: host === "*" ? "shop.example.com" : `shop${host.slice(1)}`, example: true }],
    };
  }
  for (const [i, rule] of (c.traffic?.rules ?? []).entries()) {
    if (rule?.rateLimit === undefined || rule.rateLimit === "none") continue;
    const path = ["traffic", "rules", i, "rateLimit"];
    yield {
      path,
      found: "a limit with gateway.existing",
      allowed: "nothing",
      hint: OF_GATEWAY["traffic.rateLimit"] ?? "",
      repairs: [{ remove: path }],
    };
  }
  const { access, authentication } = c.security ?? {};
  for (const path of claimUses(access, c.traffic?.rules)) {
    const why = path[0] === "security" ? "lists are judged at the gateway" : "rules are tried at the gateway";
    yield {
      path,
      found: "claims with gateway.existing",
      allowed: "addresses, methods and paths",
      hint: `${why}: tokens are verified by the service's own sidecars, ${shared}`,
      repairs: [{ say: "remove the whole entry or rule in the stack file" }],
    };
  }
  if (authentication !== undefined) {
    const byPath = [...(authentication.required ?? []), { paths: authentication.optional }].some(
      (condition) => condition?.paths !== undefined,
    );
    for (const [i, rule] of (c.traffic?.rules ?? []).entries()) {
      if (byPath && rule?.rewrite?.path !== undefined) {
        yield {
          path: ["traffic", "rules", i, "rewrite", "path"],
          found: "another path with gateway.existing and paths in security.authentication",
          allowed: "the path that clients ask for",
          hint: "tokens are verified by the service's own sidecars, which judge the path that they get",
          repairs: [{ remove: ["traffic", "rules", i, "rewrite", "path"] }],
        };
      }
      const action = (["respond", "redirect"] as const).find((key) => rule?.[key] !== undefined);
      if (action === undefined) continue;
      yield {
        path: ["traffic", "rules", i, action],
        found: `an answer of the gateway with gateway.existing and security.authentication`,
        allowed: "a version that answers",
        hint: "tokens are verified by the service's own sidecars, which such a request never reaches",
        repairs: [{ say: "send the rule's requests to a version, or remove the rule" }],
      };
    }
  }
  const allow = access?.allow;
  const isRead = !unread.some(([block, key]) => block === "security" && key === "access");
  if (
    isRead &&
    allow?.every((entry) => entry?.claims === undefined) &&
    hosts.every((host) => host !== undefined)
  ) {
    try {
      planAccess({ allow } as AccessLists, {
        selector: { matchLabels: {} },
        trustedProxies: 0,
        shared: { hosts, preflights: true },
      });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      yield {
        path: ["security", "access", "allow"],
        found: "a list of many different entries with gateway.existing",
        allowed: "entries that ask for the same kinds of condition",
        hint: error.message,
        repairs: [{ say: "join entries in the stack file" }],
      };
    }
  }
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, key) => (isObject(inner) ? inner[String(key)] : undefined), value);
}
