/** What of an object in the cluster can differ from its declaration. Pure. */

import { amount } from "../../components/kubernetes/quantity";
import { isObject, SECRET, UNKNOWN, type KubernetesObject } from "../side";

/**
 * The live object without what the server adds: only fields that the declaration has. Of Istio's objects all of `spec` stays, because
 * their server adds nothing to it, so that whatever is there was written by somebody.
 *
 * @param live as {@link sideObject} gives it.
 */
export function asDeclared(declared: KubernetesObject, live: KubernetesObject): KubernetesObject {
  const kept = within(declared, live) as KubernetesObject;
  const { creationTimestamp } = live.metadata;
  const spec = isIstio(live) ? within(declared.spec, live.spec, true) : undefined;
  return {
    ...kept,
    // Several versions are served, and the server answers in the one that was asked for.
    apiVersion: declared.apiVersion,
    metadata: { ...kept.metadata, ...(creationTimestamp !== undefined && { creationTimestamp }) },
    ...(spec !== undefined && { spec }),
  };
}

export const isIstio = ({ apiVersion }: Pick<KubernetesObject, "apiVersion">): boolean =>
  /^[^/]+\.istio\.io\//.test(apiVersion);

function within(declared: unknown, live: unknown, all = false): unknown {
  // Neither can be compared.
  if (declared === UNKNOWN || declared === SECRET) return declared;
  if (Array.isArray(declared) && Array.isArray(live)) return elements(declared, live, all);
  if (isObject(declared) && isObject(live)) {
    const kept = Object.entries(declared).map(
      ([key, value]) => [key, within(value, live[key], all)] as const,
    );
    const known = Object.fromEntries(kept.filter(([, value]) => value !== undefined));
    return all ? { ...live, ...known } : known;
  }
  return means(declared, live) ? declared : live;
}

/** The server leaves out what is empty, and writes quantities anew (`1000m` as `1`). */
function means(declared: unknown, live: unknown): boolean {
  if (live === undefined)
    return declared === null || (typeof declared === "object" && Object.keys(declared).length === 0);
  if (typeof live !== "string") return false;
  const written = typeof declared === "number" ? String(declared) : declared;
  if (typeof written !== "string" || ![written, live].some((text) => /^[\d.]+([mkKMGTPE]i?)$/.test(text)))
    return written === live;
  try {
    return amount(written) === amount(live);
  } catch {
    return false;
  }
}

/** Elements with a name belong to the declared ones of that name, others to those at their place. The live order stays. */
function elements(declared: readonly unknown[], live: readonly unknown[], all: boolean): unknown[] {
  const named = [declared, live].every((list) => list.every((one) => nameOf(one) !== undefined));
  return live.map((one, i) => {
    const own = named ? declared.find((other) => nameOf(other) === nameOf(one)) : declared[i];
    return own === undefined ? one : within(own, one, all);
  });
}

const nameOf = (value: unknown): unknown => (isObject(value) ? value.name : undefined);
