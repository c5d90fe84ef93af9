/** Fields of numbers, shares, times and amounts. */
import {
  isExactPercent,
  PERCENT_DECIMALS,
  PERCENT_TEXT,
  roundedPercent,
} from "../../../components/traffic/percent";
import { field, refuse, refuseAs, type FieldMeta } from "./fields";

const NUMBER = /^-?\d+(\.\d+)?$/;

/** A finite number, or the number of a text; undefined for other values. */
export function numeric(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  return typeof value === "string" && NUMBER.test(value) ? Number(value) : undefined;
}

/** A whole number from `minimum` to `maximum`. */
export function integer(minimum: number, maximum: number, meta: FieldMeta) {
  return field(
    (value) => {
      const n = numeric(value);
      return n !== undefined && Number.isSafeInteger(n) && n >= minimum && n <= maximum ? n : refuse();
    },
    {
      title: `a whole number from ${minimum} to ${maximum}`,
      type: ["integer", "string"],
      pattern: "^-?\\d+$",
      minimum,
      maximum,
      ...meta,
    },
  );
}

/** A share of requests: 0 to 100 percent. */
export function percent(meta: FieldMeta) {
  return field(
    (value) => {
      const bare = typeof value === "string" ? value.replace(/\s*%$/, "") : value;
      const n = numeric(bare);
      if (n === undefined || n < 0 || n > 100) return refuse();
      if (bare !== value) return refuseAs("percentSign", {}, { set: n });
      return isExactPercent(n) ? n : refuse(roundedPercent(n));
    },
    {
      title: `a number from 0 to 100, at most ${PERCENT_DECIMALS} decimals`,
      type: ["number", "string"],
      pattern: PERCENT_TEXT,
      minimum: 0,
      maximum: 100,
      ...meta,
    },
  );
}

const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const DURATION = /^(\d+(\.\d+)?(ms|s|m|h))+$/;

/** Milliseconds of a duration; undefined if the text is not a duration. */
function milliseconds(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (MS_PER_UNIT[unit ?? ""] ?? NaN),
    0,
  );
}

/** A duration in the format of Go and Istio ("1m30s"), read as whole milliseconds or whole seconds. */
export function duration(
  unit: "milliseconds" | "seconds",
  minimumMs: number,
  maximumMs: number,
  meta: FieldMeta & { readonly range: string },
) {
  const { range, ...rest } = meta;
  const step = unit === "seconds" ? 1000 : 1;
  return field(
    (value) => {
      const ms = typeof value === "string" ? milliseconds(value) : undefined;
      if (ms !== undefined) {
        return ms % step === 0 && ms >= minimumMs && ms <= maximumMs
          ? ms / step
          : refuseAs("valueRefused", { allowed: `whole ${unit} ${range}` });
      }
      const n = numeric(value);
      const unitless = n !== undefined && n >= 0;
      return refuseAs("durationRefused", { unitless }, ...(unitless ? [{ set: `${n}s` }] : []));
    },
    { title: `a duration ${range}`, type: "string", pattern: DURATION.source, ...rest },
  );
}

const QUANTITIES = {
  cpu: 'an amount of CPU, such as "100m" or "1.5"',
  memory: 'an amount of memory, such as "256Mi"',
  storage: 'an amount of storage, such as "10Gi"',
};
const BYTES = /^\d+(\.\d+)?(k|[MGT]|[KMGT]i)$/;
/** Proposals for a number without a unit. */
const USUAL_UNIT = { memory: "Mi", storage: "Gi" };

/** Bytes in Kubernetes' format: "10 GB" is 10G, "10gib" is 10Gi. */
const bytes = (written: string): string =>
  written.replace(
    /^([\d.]+) *([kmgt])(i?)b?$/i,
    (_, amount: string, unit: string, binary: string) =>
      amount + (binary === "" ? unit.toUpperCase().replace("K", "k") : `${unit.toUpperCase()}i`),
  );

/** A Kubernetes quantity. Its text is not changed. */
export function quantity(kind: keyof typeof QUANTITIES, meta: FieldMeta) {
  const pattern = kind === "cpu" ? /^\d+(\.\d+)?m?$/ : BYTES;
  return field(
    (value) => {
      const written = typeof value === "number" && value >= 0 ? String(value) : value;
      if (typeof written === "string" && pattern.test(written)) return written;
      if (kind === "cpu" || typeof written !== "string") return refuse();
      if (/^\d+$/.test(written)) {
        const set =
          Number(written) < 2 ** 20
            ? ({ set: `${written}${USUAL_UNIT[kind]}`, example: true } as const)
            : { set: `${Math.ceil(Number(written) / 2 ** 20)}Mi` };
        return refuseAs("quantityUnitless", {}, set);
      }
      if (/^\d+m$/.test(written))
        return refuseAs("quantityThousandths", {}, { set: `${written}i`.replace("mi", "Mi") });
      const meant = bytes(written);
      return refuse(...(pattern.test(meant) ? [meant] : []));
    },
    {
      title: QUANTITIES[kind],
      type: kind === "cpu" ? ["string", "number"] : "string",
      pattern: pattern.source,
      ...meta,
    },
  );
}
