/** What asks less of callers than before. */
import { isDeepStrictEqual } from "node:util";
import { isObject, keyOf, type KubernetesObject } from "../side";

import { byKey } from "./istio-objects";
import { isWithin } from "./policy-coverage";
import type { WrittenSource } from "./policy-words";
import type { Risk } from "./report";
import { risk } from "./risks";

type Spec = Readonly<Record<string, unknown>>;

/** A risk for each object and way. */
export function loosened(before: readonly KubernetesObject[], after: readonly KubernetesObject[]): Risk[] {
  const now = byKey(after);
  const changed = before.flatMap((old) => {
    const object = now.get(keyOf(old));
    const [was, is] = [specOf(old), object && specOf(object)];
    const found = (CHECKS[old.kind] ?? (() => []))(was, is, { old, object, after });
    return found.map((why) => risk("W006", keyOf(old), `${keyOf(old)} ${why}.`));
  });
  const known = byKey(before);
  const exceptions = after
    .filter((object) => object.kind === "PeerAuthentication" && !known.has(keyOf(object)))
    .filter((object) => weakest(specOf(object)) < STRICT && before.some(isStrict))
    .map((object) => risk("W006", keyOf(object), `${keyOf(object)} is new and takes plain text.`));
  return [...changed, ...exceptions];
}

interface Context {
  readonly old: KubernetesObject;
  readonly object: KubernetesObject | undefined;
  readonly after: readonly KubernetesObject[];
}

/** What is looser, in words that follow the object's name. `is` is absent where the object is gone. */
const CHECKS: Readonly<Record<string, (was: Spec, is: Spec | undefined, context: Context) => string[]>> = {
  PeerAuthentication: mutualTls,
  RequestAuthentication: tokens,
  AuthorizationPolicy: policy,
  NetworkPolicy: (_, is) => (is ? [] : ["is deleted: more pods may connect"]),
  Gateway: (was, is) => (is ? servers(was, is) : []),
};

const MODES = ["DISABLE", "PERMISSIVE", "STRICT"];
const STRICT = MODES.indexOf("STRICT");
const isStrict = (object: KubernetesObject): boolean =>
  object.kind === "PeerAuthentication" && level(specOf(object).mtls) === STRICT;

/** -1 for a mode that is inherited. */
const level = (mtls: unknown): number => (isObject(mtls) ? MODES.indexOf(textOf(mtls.mode)) : -1);
const portLevels = ({ portLevelMtls }: Spec): [port: string, level: number][] =>
  isObject(portLevelMtls) ? Object.entries(portLevelMtls).map(([port, mtls]) => [port, level(mtls)]) : [];
const weakest = (spec: Spec): number => {
  const all = [level(spec.mtls), ...portLevels(spec).map(([, one]) => one)].filter((one) => one >= 0);
  return all.length > 0 ? Math.min(...all) : STRICT;
};

function mutualTls(was: Spec, is: Spec | undefined): string[] {
  const from = level(was.mtls);
  if (!is) return from === STRICT ? ["is deleted, which asked for mutual TLS"] : [];
  const to = level(is.mtls);
  const old = new Map(portLevels(was));
  const ports = portLevels(is)
    .filter(([port, one]) => one >= 0 && one < (old.get(port) ?? from))
    .map(([port, one]) => `takes ${MODES[one] ?? ""} on port ${port}`);
  return [
    ...(from > 0 && to < from
      ? [`goes from ${MODES[from] ?? ""} to ${MODES[to] ?? "what is inherited"}`]
      : []),
    ...ports,
    ...(from === STRICT ? elsewhere(was, is) : []),
  ];
}

function tokens(was: Spec, is: Spec | undefined): string[] {
  const rules = (spec: Spec | undefined): Spec[] =>
    Array.isArray(spec?.jwtRules) ? spec.jwtRules.filter(isObject) : [];
  if (rules(was).length === 0) return [];
  if (!is) return ["is deleted: tokens are not verified any more"];
  if (rules(is).length === 0) return ["has no issuer any more: tokens are not verified"];
  const audiences = rules(was).flatMap((old) => {
    const now = rules(is).find(({ issuer }) => issuer === old.issuer);
    const had = Array.isArray(old.audiences) && old.audiences.length > 0;
    const has = Array.isArray(now?.audiences) && now.audiences.length > 0;
    return now && had && !has ? [`takes tokens of ${textOf(old.issuer)} for any audience`] : [];
  });
  return [...audiences, ...elsewhere(was, is)];
}

/** Other pods than before. For all pods of a namespace no selector is needed. */
function elsewhere(was: Spec, is: Spec): string[] {
  const selected = ({ selector, targetRefs, targetRef }: Spec): unknown =>
    selector ?? targetRefs ?? targetRef;
  const [a, b] = [selected(was), selected(is)];
  if (b === undefined || b === null || isDeepStrictEqual(a, b)) return [];
  return [a === undefined || a === null ? "holds for some pods only" : "holds for other pods"];
}

const actionOf = ({ action }: Spec): string => textOf(action) || "ALLOW";
const isDryRun = (object: KubernetesObject | undefined): boolean =>
  object?.metadata.annotations?.["istio.io/dry-run"] === "true";

function policy(was: Spec, is: Spec | undefined, { old, object, after }: Context): string[] {
  const action = actionOf(was);
  if (isDryRun(old) || action === "AUDIT") return [];
  const denies = action === "DENY";
  const others = after.filter(
    (other) =>
      other.kind === "AuthorizationPolicy" &&
      other.metadata.namespace === old.metadata.namespace &&
      !isDryRun(other) &&
      keyOf(other) !== keyOf(old),
  );
  if (!is) {
    // The same under another name.
    if (others.some((other) => isDeepStrictEqual(other.spec, old.spec))) return [];
    if (action !== "ALLOW") return ["is deleted, which refused requests"];
    // Requests are refused where no ALLOW policy of the pods matches: one less lets nobody in, as long as another is there.
    const guarded = others.some(
      ({ spec }) =>
        isObject(spec) && actionOf(spec) === "ALLOW" && isDeepStrictEqual(spec.selector, was.selector),
    );
    return guarded ? [] : ["is deleted, which named who is let in"];
  }
  if (isDryRun(object)) return ["is in dry run and refuses nothing any more"];
  if (actionOf(is) !== action) {
    return action === "ALLOW" && actionOf(is) === "DENY" ? [] : [`goes from ${action} to ${actionOf(is)}`];
  }
  const [before, now] = [rulesOf(was), rulesOf(is)];
  const gone = before.filter((rule) => !now.some((other) => isWithin(rule, other)));
  const more = now.filter((rule) => !before.some((other) => isWithin(rule, other)));
  return [
    ...elsewhere(was, is),
    ...(denies && gone.length > 0 ? ["does not refuse all that it refused"] : []),
    ...(action === "ALLOW" && more.length > 0 ? ["lets in requests that it did not let in"] : []),
  ];
}

const rulesOf = ({ rules }: Spec): WrittenSource[] =>
  Array.isArray(rules) ? rules.map((rule: unknown) => (isObject(rule) ? rule : {})) : [];

const TLS = ["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"];

function servers(was: Spec, is: Spec): string[] {
  const all = serversOf(is);
  return serversOf(was).flatMap((old) => {
    const [port, hosts] = [portOf(old), JSON.stringify(old.hosts)];
    const same = all.filter((server) => portOf(server).number === port.number);
    const server =
      same.find((one) => JSON.stringify(one.hosts) === hosts) ?? (same.length === 1 ? same[0] : undefined);
    if (!server) return [];
    const [a, b] = [tlsOf(old), tlsOf(server)];
    const at = `on port ${String(port.number)}`;
    const version = (tls: Spec): number => TLS.indexOf(textOf(tls.minProtocolVersion) || "TLSV1_2");
    return [
      ...(a.mode !== undefined && b.mode === undefined ? [`has no TLS any more ${at}`] : []),
      ...(/MUTUAL/.test(textOf(a.mode)) && !/MUTUAL/.test(textOf(b.mode))
        ? [`asks clients for no certificate any more ${at}`]
        : []),
      ...(version(b) < version(a) ? [`accepts ${textOf(b.minProtocolVersion) || "an older TLS"} ${at}`] : []),
      ...(a.httpsRedirect === true && b.httpsRedirect !== true
        ? [`does not redirect to HTTPS any more ${at}`]
        : []),
    ];
  });
}

const specOf = ({ spec }: KubernetesObject): Spec => (isObject(spec) ? spec : {});
const serversOf = ({ servers: all }: Spec): Spec[] => (Array.isArray(all) ? all.filter(isObject) : []);
const portOf = ({ port }: Spec): Spec => (isObject(port) ? port : {});
const tlsOf = ({ tls }: Spec): Spec => (isObject(tls) ? tls : {});
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
