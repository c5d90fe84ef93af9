/** Which Istio versions this program installs. Source: istio.io, "Supported Releases". */
import type { Refusal } from "./fields";

interface Minor {
  /** First patch that works with this program. */
  readonly from: number;
  /** Day on which Istio's support ended: six weeks after the second minor that followed. */
  readonly ended?: string;
}

const MINORS: Readonly<Record<string, Minor>> = {
  "1.32": { from: 0 },
  "1.31": { from: 0 },
  "1.30": { from: 0 },
  // 1.29.0 and 1.29.1 lack base.validationFailurePolicy.
  "1.29": { from: 2, ended: "2026-10-12" },
};

/** What is allowed, in words. */
export const ISTIO_VERSIONS = Object.entries(MINORS)
  .map(([minor, { from, ended }]) => {
    const patches = from === 0 ? `${minor}.x` : `${minor}.${from} and later patches`;
    return ended === undefined ? patches : `${patches} (out of support)`;
  })
  .join(", ");

/** Version that a stack gets that names none. */
export const DEFAULT_ISTIO_VERSION = "1.31.4";

function minorOf(version: string): { minor: string; patch: number } | undefined {
  const [, minor, patch] = /^(\d+\.\d+)\.(\d+)$/.exec(version) ?? [];
  return minor === undefined ? undefined : { minor, patch: Number(patch) };
}

/** Why `version` cannot be installed; undefined when it can. */
export function istioVersionRefusal(version: unknown): Refusal | undefined {
  const written = typeof version === "string" || typeof version === "number" ? String(version) : "";
  const parts = typeof version === "string" ? minorOf(version) : undefined;
  if (parts !== undefined && parts.patch >= (MINORS[parts.minor]?.from ?? Infinity)) return undefined;

  const meant = [written.replace(/^v/, ""), `${written}.0`].find((w) => istioVersionIsKnown(w));
  const [first] = Object.keys(MINORS);
  return {
    ...(parts !== undefined && first !== undefined && newer(parts.minor, first)
      ? { hint: "newer than this program knows" }
      : {}),
    repairs: [{ set: meant ?? DEFAULT_ISTIO_VERSION }],
  };
}

function istioVersionIsKnown(version: string): boolean {
  const parts = minorOf(version);
  return parts !== undefined && parts.patch >= (MINORS[parts.minor]?.from ?? Infinity);
}

function newer(a: string, b: string): boolean {
  return a.localeCompare(b, "en", { numeric: true }) > 0;
}

/** Whether `version` is of a minor before `minor`. */
export const istioIsOlder = (version: string, minor: string): boolean =>
  newer(minor, minorOf(version)?.minor ?? minor);

/** What a user of `version`, one that can be installed, should know. */
export function istioVersionWarnings(
  { version, tag }: { readonly version: string; readonly tag?: string },
  hashes: boolean,
): string[] {
  const ended = MINORS[minorOf(version)?.minor ?? ""]?.ended;
  return [
    ...(ended === undefined
      ? []
      : [
          `Istio ${version} has had no support and no security fixes since ${ended}; ${DEFAULT_ISTIO_VERSION} has.`,
        ]),
    ...(tag === undefined || tag === version || tag.startsWith(`${version}-`)
      ? []
      : [
          `shopzier:istio.tag is ${tag}, the charts are of ${version}: images and charts belong to one release.`,
        ]),
    ...(version === "1.30.0" && hashes
      ? [
          "Istio 1.30.0 does not rebuild the ring of a consistent hash when pods come and go; 1.30.1 and later do.",
        ]
      : []),
  ];
}
