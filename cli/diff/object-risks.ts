/** Risks in what happens to objects, and in what they ask of callers. */
import { keyOf, UNKNOWN, type KubernetesObject } from "../side";
import { isObject } from "./fields";
import { byKey, ofKind } from "./istio-objects";
import { podsBehind } from "./pods";
import type { ObjectChange, Risk } from "./report";
import { risk } from "./risks";

/** Objects that requests need while they are there. */
const CARRIERS = /^(Namespace|Service|Gateway|CustomResourceDefinition|Deployment|StatefulSet|Release) /;

export function objectRisks(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
  objects: readonly ObjectChange[],
): Risk[] {
  const idle = idleWorkloads(before);
  return [
    ...objects
      .filter(({ operation, object }) => /^(delete|replace)$/.test(operation) && CARRIERS.test(object))
      .filter(({ object }) => !idle.has(object))
      .map(({ operation, object }) => risk("W004", object, `${object} is ${operation}d${lost(object)}.`)),
    ...bothPlanes(before, after, objects),
    ...loosened(before, after),
    ...widened(before, after),
    ...after
      .filter((object) => JSON.stringify(object).includes(UNKNOWN))
      .map((object) => risk("W009", keyOf(object), `A value of ${keyOf(object)} is not known yet.`)),
  ];
}

/** Workloads behind destinations of rules that get no requests by any rule. */
function idleWorkloads(objects: readonly KubernetesObject[]): Set<string> {
  const pods = podsBehind(objects);
  const [idle, busy] = [new Set<string>(), new Set<string>()];
  for (const { metadata, spec } of ofKind(objects, "VirtualService")) {
    for (const { route = [] } of spec.http ?? []) {
      for (const { destination, weight } of route) {
        const found = pods(destination, metadata.namespace ?? "")?.workloads ?? [];
        for (const one of found) (route.length === 1 || (weight ?? 0) > 0 ? busy : idle).add(keyOf(one));
      }
    }
  }
  return new Set([...idle].filter((one) => !busy.has(one)));
}

const lost = (object: string): string => (object.startsWith("Namespace ") ? ", with all that is in it" : "");

const CONTROL_PLANE = /\b(istiod|base|discovery|istio-base)\b/;

function bothPlanes(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
  objects: readonly ObjectChange[],
): Risk[] {
  const all = byKey([...before, ...after]);
  const charts = objects.filter(
    ({ object, operation }) => object.startsWith("Release ") && operation !== "create",
  );
  const isControl = ({ object }: ObjectChange): boolean => {
    const found = all.get(object);
    return found !== undefined && CONTROL_PLANE.test(textOf(specOf(found).chart));
  };
  const control = charts.find(isControl);
  const data = objects.find(
    (change) =>
      change.operation !== "create" &&
      (/^(VirtualService|DestinationRule|Deployment|StatefulSet|EnvoyFilter) /.test(change.object) ||
        (change.object.startsWith("Release ") && !isControl(change))),
  );
  if (!control || !data) return [];
  return [risk("W005", control.object, `${control.object} changes together with ${data.object}.`)];
}

const MTLS = ["DISABLE", "PERMISSIVE", "STRICT"];
const TLS = ["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"];

function loosened(before: readonly KubernetesObject[], after: readonly KubernetesObject[]): Risk[] {
  const now = byKey(after);
  return before.flatMap((old): Risk[] => {
    const object = now.get(keyOf(old));
    const say = (why: string): Risk[] => [risk("W006", keyOf(old), why)];
    const [was, is] = [specOf(old), object && specOf(object)];
    switch (old.kind) {
      case "PeerAuthentication": {
        const [from, to] = [was, is ?? {}].map((spec) => MTLS.indexOf(mtlsMode(spec)));
        if (!is)
          return mtlsMode(was) === "STRICT"
            ? say(`${keyOf(old)} is deleted, which asked for mutual TLS.`)
            : [];
        return (to ?? 0) < (from ?? 0)
          ? say(`Mutual TLS goes from ${mtlsMode(was)} to ${mtlsMode(is)}.`)
          : [];
      }
      case "RequestAuthentication":
        return is ? [] : say(`${keyOf(old)} is deleted: tokens are not verified any more.`);
      case "NetworkPolicy":
        return is ? [] : say(`${keyOf(old)} is deleted: more pods may connect.`);
      case "AuthorizationPolicy":
        return policyLoosened(was, is).flatMap((why) => say(`${keyOf(old)} ${why}.`));
      case "Gateway":
        return is ? tlsLoosened(was, is).flatMap((why) => say(`${keyOf(old)}: ${why}.`)) : [];
      default:
        return [];
    }
  });
}

function policyLoosened(was: Spec, is: Spec | undefined): string[] {
  const denies = was.action === "DENY";
  const allows = !denies && (was.action === undefined || was.action === "ALLOW");
  if (!is) {
    // An ALLOW policy less may open everything, as requests are refused only where one is there.
    return denies
      ? ["is deleted, which refused requests"]
      : allows
        ? ["is deleted, which named who is let in"]
        : [];
  }
  if (is.action !== was.action && (denies || was.action === "CUSTOM"))
    return [`goes from ${textOf(was.action)} to ${textOf(is.action ?? "ALLOW")}`];
  const [old, now] = [rulesOf(was), rulesOf(is)];
  const gone = old.filter((rule) => !now.includes(rule)).length;
  const more = now.filter((rule) => !old.includes(rule)).length;
  if (denies && gone > 0)
    return [`refuses other requests than before (${gone} of ${old.length} rules changed or gone)`];
  if (allows && more > 0)
    return [`lets in other requests than before (${more} of ${now.length} rules new or changed)`];
  return [];
}

const rulesOf = ({ rules }: Spec): string[] =>
  Array.isArray(rules) ? rules.map((rule) => JSON.stringify(rule)) : [];

function tlsLoosened(was: Spec, is: Spec): string[] {
  const now = new Map(serversOf(is).map((server) => [serverKey(server), server]));
  return serversOf(was).flatMap((old) => {
    const server = now.get(serverKey(old));
    if (!server) return [];
    const [a, b] = [tlsOf(old), tlsOf(server)];
    const port = `port ${serverKey(old)}`;
    const level = (tls: Spec): number => TLS.indexOf(textOf(tls.minProtocolVersion ?? "TLSV1_2"));
    return [
      ...(Object.keys(a).length > 0 && Object.keys(b).length === 0 ? [`${port} has no TLS any more`] : []),
      ...(/MUTUAL/.test(textOf(a.mode)) && !/MUTUAL/.test(textOf(b.mode))
        ? [`${port} asks clients for no certificate any more`]
        : []),
      ...(level(b) < level(a) ? [`${port} accepts ${textOf(b.minProtocolVersion)}`] : []),
      ...(a.httpsRedirect === true && b.httpsRedirect !== true
        ? [`${port} does not redirect to HTTPS any more`]
        : []),
    ];
  });
}

function widened(before: readonly KubernetesObject[], after: readonly KubernetesObject[]): Risk[] {
  const old = byKey(before);
  return after
    .filter(({ kind, apiVersion }) => kind === "Gateway" && apiVersion.startsWith("networking.istio.io/"))
    .flatMap((object) => {
      const earlier = old.get(keyOf(object));
      if (!earlier) return [];
      const known = hostsOf(earlier);
      const wide = hostsOf(object).filter((host) => /(^|\/)\*/.test(host) && !known.includes(host));
      return wide.map((host) =>
        risk(
          "W007",
          keyOf(object),
          `${keyOf(object)} takes ${host === "*" || host.endsWith("/*") ? "every host" : `hosts ${host}`}.`,
        ),
      );
    });
}

type Spec = Readonly<Record<string, unknown>>;
const specOf = ({ spec }: KubernetesObject): Spec => (isObject(spec) ? spec : {});
const mtlsMode = ({ mtls }: Spec): string =>
  isObject(mtls) && typeof mtls.mode === "string" ? mtls.mode : "PERMISSIVE";
const serversOf = ({ servers }: Spec): Spec[] => (Array.isArray(servers) ? servers.filter(isObject) : []);
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const tlsOf = ({ tls }: Spec): Spec => (isObject(tls) ? tls : {});
const serverKey = ({ port }: Spec): string => (isObject(port) ? String(port.number) : "");
const hostsOf = (object: KubernetesObject): string[] =>
  serversOf(specOf(object)).flatMap(({ hosts }) => (Array.isArray(hosts) ? hosts.map(String) : []));
