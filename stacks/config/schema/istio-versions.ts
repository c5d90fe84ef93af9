/** The Istio versions that this program installs. Source: istio.io, "Supported Releases". */
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

/** The allowed versions, for messages. */
export const ISTIO_VERSIONS = Object.entries(MINORS)
  .map(([minor, { from, ended }]) => {
    const patches = from === 0 ? `${minor}.x` : `${minor}.${from} and later patches`;
    return ended === undefined ? patches : `${patches} (out of support)`;
  })
  .join(", ");

/** Default version, which repairs propose too. */
export const SUPPORTED_ISTIO = "1.31.4";

function minorOf(version: string): { minor: string; patch: number } | undefined {
  const [, minor, patch] = /^(\d+\.\d+)\.(\d+)$/.exec(version) ?? [];
  return minor === undefined ? undefined : { minor, patch: Number(patch) };
}

/** Whether this program installs `version`. */
export function istioVersionIsKnown(version: string): boolean {
  const parts = minorOf(version);
  return parts !== undefined && parts.patch >= (MINORS[parts.minor]?.from ?? Infinity);
}

/** The version that was probably meant by an unknown one; otherwise the default. */
export const knownIstioVersion = (written: string): string =>
  [written.replace(/^v/, ""), `${written}.0`].find(istioVersionIsKnown) ?? SUPPORTED_ISTIO;

/** Whether the minor of `version` is newer than all known ones. */
export function istioVersionIsNewer(version: string): boolean {
  const [newest = ""] = Object.keys(MINORS);
  const parts = minorOf(version);
  return parts !== undefined && newer(parts.minor, newest);
}

function newer(a: string, b: string): boolean {
  return a.localeCompare(b, "en", { numeric: true }) > 0;
}

/** Whether the minor of `version` is older than `minor`. */
export const istioIsOlder = (version: string, minor: string): boolean =>
  newer(minor, minorOf(version)?.minor ?? minor);

/** Day on which the support of `version` ended; undefined if it has not. */
export const istioSupportEnded = (version: string): string | undefined =>
  MINORS[minorOf(version)?.minor ?? ""]?.ended;
