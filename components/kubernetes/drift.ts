/** Compares an object in the cluster with the one that was written, and names who changed it. Pure. */

/** The fields of an object in the cluster that are compared, and those that name its writers. */
export interface LiveObject {
  readonly metadata?: {
    readonly uid?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly creationTimestamp?: string | Date;
    readonly managedFields?: readonly {
      readonly manager?: string;
      /** The client parses it to a Date. */
      readonly time?: string | Date;
      readonly fieldsV1?: object;
    }[];
  };
  readonly spec?: unknown;
}

/** Number of differences in a message; of the others it gives only the number. */
const SHOWN = 5;

/**
 * How the live spec differs from the written one, in words; undefined where it does not.
 *
 * @param live undefined where the object does not exist.
 * @param uid of the object that was written ({@link otherObject}).
 */
export function drift(live: LiveObject | undefined, written: unknown, uid?: string): string | undefined {
  const other = otherObject(live, uid);
  if (live === undefined || other !== undefined) return other;
  const found = differences(live.spec, written, "spec");
  if (found.length === 0) return undefined;
  const more = found.length > SHOWN ? [`and ${found.length - SHOWN} more`] : [];
  return `was changed by ${changedBy(live)}: ${[...found.slice(0, SHOWN), ...more].join("; ")}`;
}

/**
 * Why an object in a cluster is not the one that was written, in words; undefined where it is. An object of the same name
 * with another uid is in another cluster, or was created again.
 *
 * @param live undefined where there is no object of that name.
 */
export function otherObject(
  live: Pick<LiveObject, "metadata"> | undefined,
  uid: string | undefined,
): string | undefined {
  if (live === undefined) {
    return "is not in the cluster that was asked: it was deleted, or the component's `cluster` is not that of its provider";
  }
  const seen = live.metadata?.uid;
  if (uid === undefined || seen === undefined || seen === uid) return undefined;
  return `has the uid ${seen} instead of ${uid}: it was created again, or the component's \`cluster\` is not that of its provider`;
}

/** Field managers of the spec except Pulumi, with the time of their last change. */
const changedBy = ({ metadata }: LiveObject): string =>
  specWriters(metadata)
    .filter(({ manager }) => !manager.startsWith("pulumi"))
    .map(({ words }) => words)
    .join(" and ") || UNNAMED;

/** Words for a change whose writer the object does not name. */
export const UNNAMED = "somebody who gave no name";

export interface SpecWriter {
  readonly manager: string;
  /** In Unix milliseconds; undefined where it is not known. */
  readonly at: number | undefined;
  /** `"kubectl" at 2026-11-30T12:00:00Z`. */
  readonly words: string;
}

/** Who wrote fields of the spec, and when last. Writers of annotations or of the status alone are none. */
export function specWriters(metadata: LiveObject["metadata"]): SpecWriter[] {
  return (metadata?.managedFields ?? [])
    .filter(({ fieldsV1 = {} }) => "f:spec" in fieldsV1)
    .map(({ manager = "", time }) => {
      const text = time instanceof Date ? time.toISOString() : time;
      const at = new Date(time ?? NaN).getTime();
      return {
        manager,
        at: Number.isNaN(at) ? undefined : at,
        words: `"${manager}"${text === undefined ? "" : ` at ${text}`}`,
      };
    });
}

function differences(live: unknown, written: unknown, at: string): string[] {
  if (same(live, written)) return [];
  const [splitLive, splitWritten] = [split(live), split(written)];
  if (splitLive !== undefined && splitWritten !== undefined && splitLive !== splitWritten) {
    return [`${at} sends ${splitLive} instead of ${splitWritten}`];
  }
  if (isObject(live) && isObject(written) && Array.isArray(live) === Array.isArray(written)) {
    return [...new Set([...Object.keys(written), ...Object.keys(live)])].flatMap((key) =>
      differences(live[key], written[key], Array.isArray(live) ? `${at}[${key}]` : `${at}.${key}`),
    );
  }
  return [`${at} is ${text(live)} instead of ${text(written)}`];
}

interface Destined {
  readonly weight?: unknown;
  readonly destination?: { readonly subset?: unknown } | null;
}

/** The weights of a VirtualService's rule in one text, since these are what people change in an incident. */
function split(value: unknown): string | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const parts = (value as (Destined | null)[]).map((part) => {
    const subset = part?.destination?.subset;
    const weight = part?.weight ?? (value.length === 1 ? 100 : 0);
    return typeof subset === "string" && typeof weight === "number" ? `${subset} ${weight} %` : undefined;
  });
  return parts.includes(undefined) ? undefined : parts.join(", ");
}

function same(a: unknown, b: unknown): boolean {
  if (!isObject(a) || !isObject(b)) return a === b;
  // A field with the value undefined counts as missing.
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return Array.isArray(a) === Array.isArray(b) && keys.every((key) => same(a[key], b[key]));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

const text = (value: unknown): string => (value === undefined ? "nothing" : JSON.stringify(value));
