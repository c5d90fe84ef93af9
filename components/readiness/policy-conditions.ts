/**
 * The conditions of an AuthorizationPolicy in one spelling, from the object and from Envoy's RBAC filter, so that the two
 * can be compared. The translation is that of Istio's pilot/pkg/security/authz/model.
 */
import { isIPv4 } from "node:net";
import type { AuthorizationRule } from "../istio/authorization-policy";

/** Parsed JSON below a key. */
export type Tree = Readonly<Record<string, unknown>>;

/** The conditions of a rule as sorted texts without repetition, such as `not header x-a exact "b"`. */
export function writtenConditions({ from = [], to = [], when = [] }: AuthorizationRule): readonly string[] {
  const all: string[] = [];
  const add = (values: readonly string[] | undefined, condition: (value: string) => string): void => {
    for (const value of values ?? []) all.push(condition(value));
  };
  for (const { source } of from) {
    add(source.ipBlocks, (block) => `peer ${network(block)}`);
    add(source.remoteIpBlocks, (block) => `client ${network(block)}`);
    add(source.notRemoteIpBlocks, (block) => `not client ${network(block)}`);
    for (const [not, principals] of [
      ["", source.requestPrincipals],
      ["not ", source.notRequestPrincipals],
    ] as const) {
      add(principals, (principal) => {
        const at = principal.lastIndexOf("/");
        const [issuer, subject] = at < 0 ? ["*", "*"] : [principal.slice(0, at), principal.slice(at + 1)];
        all.push(`${not}claim sub ${textTest(subject)}`);
        return `${not}claim iss ${textTest(issuer)}`;
      });
    }
  }
  for (const { operation } of to) {
    add(operation.hosts, (host) => `header :authority ${textTest(host)}`);
    add(operation.methods, (method) => `header :method ${textTest(method)}`);
    add(operation.notMethods, (method) => `not header :method ${textTest(method)}`);
    add(operation.paths, (path) => `path ${pathTest(path)}`);
    add(operation.notPaths, (path) => `not path ${pathTest(path)}`);
    add(operation.ports, (port) => `port ${port}`);
  }
  for (const { key, values, notValues } of when) {
    const [name = ""] = /\[.*\]$/.exec(key) ?? [];
    const names = name.slice(1, -1).split("][").join(".");
    const subject = key.startsWith("request.headers") ? `header ${names.toLowerCase()}` : `claim ${names}`;
    add(values, (value) => `${subject} ${textTest(value)}`);
    add(notValues, (value) => `not ${subject} ${textTest(value)}`);
  }
  return [...new Set(all)].sort();
}

function textTest(text: string): string {
  if (text === "*") return "present";
  if (text.startsWith("*")) return `suffix ${JSON.stringify(text.slice(1))}`;
  if (text.endsWith("*")) return `prefix ${JSON.stringify(text.slice(0, -1))}`;
  return `exact ${JSON.stringify(text)}`;
}

const pathTest = (path: string): string =>
  path.includes("{*") ? `template ${path.replaceAll(/\{(\*+)\}/g, "$1")}` : textTest(path);

/** The conditions of a policy in Envoy's RBAC filter, as texts of the same form. */
export function heldConditions(policy: unknown): readonly string[] {
  const all: string[] = [];
  walk(policy, "", (text) => all.push(text));
  return [...new Set(all)].sort();
}

function walk(node: unknown, not: string, add: (text: string) => void): void {
  if (typeof node !== "object" || node === null) return;
  if (Array.isArray(node)) {
    for (const item of node) walk(item, not, add);
    return;
  }
  for (const [key, value] of Object.entries(node as Tree)) {
    const at = value as Tree;
    if (key === "not_rule" || key === "not_id") walk(value, not === "" ? "not " : "", add);
    else if (key === "header") add(`${not}header ${at.name as string} ${heldTest(at)}`);
    else if (key === "url_path") add(`${not}path ${heldTest(at.path)}`);
    else if (key === "uri_template")
      add(`${not}path template ${(at.typed_config as Tree).path_template as string}`);
    else if (key === "direct_remote_ip") add(`${not}peer ${heldNetwork(at)}`);
    else if (key === "remote_ip") add(`${not}client ${heldNetwork(at)}`);
    else if (key === "destination_port") add(`${not}port ${String(value)}`);
    else if (key === "metadata") {
      const path = at.path as readonly { readonly key: string }[];
      // The first part of the path is the token's payload.
      const claim = path.slice(1).map((part) => part.key);
      for (const test of stringMatches(at.value)) add(`${not}claim ${claim.join(".")} ${test}`);
    } else walk(value, not, add);
  }
}

/** The tests of a claim. Istio writes each value twice, for a claim that is a text and for one that is a list. */
function stringMatches(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  if ("string_match" in node) return [heldTest(node.string_match)];
  return Object.values(node).flatMap(stringMatches);
}

function heldTest(matcher: unknown): string {
  const { string_match, ...test } = matcher as {
    readonly string_match?: unknown;
    readonly exact?: string;
    readonly prefix?: string;
    readonly suffix?: string;
    readonly present_match?: boolean;
    readonly safe_regex?: { readonly regex?: string };
  };
  if (string_match !== undefined) return heldTest(string_match);
  // Istio writes `*` in one of these two forms.
  if (test.present_match === true || test.safe_regex?.regex === ".+") return "present";
  for (const kind of ["exact", "prefix", "suffix"] as const) {
    if (test[kind] !== undefined) return `${kind} ${JSON.stringify(test[kind])}`;
  }
  return JSON.stringify(test);
}

const heldNetwork = ({ address_prefix, prefix_len }: Tree): string =>
  network(`${address_prefix as string}/${Number(prefix_len ?? 0)}`);

/** An address or a CIDR block in one spelling; bits beyond the length of the block are 0. */
function network(block: string): string {
  const [address = "", length] = block.split("/");
  const v4 = isIPv4(address);
  const size = Number(length ?? (v4 ? 32 : 128));
  const bits = v4
    ? address.split(".").map((part) => Number(part).toString(2).padStart(8, "0"))
    : groups(address).map((part) => Number.parseInt(part, 16).toString(2).padStart(16, "0"));
  const kept = bits
    .join("")
    .slice(0, size)
    .padEnd(v4 ? 32 : 128, "0");
  const parts = kept.match(v4 ? /.{8}/g : /.{16}/g) ?? [];
  return `${parts.map((part) => Number.parseInt(part, 2).toString(v4 ? 10 : 16)).join(v4 ? "." : ":")}/${size}`;
}

/** The eight groups of an IPv6 address. */
function groups(address: string): string[] {
  const [head = [], tail = []] = new URL(`http://[${address}]`).hostname
    .slice(1, -1)
    .split("::")
    .map((half) => half.split(":").filter(Boolean));
  return [...head, ...Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
}
