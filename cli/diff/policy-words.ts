/** Rules of an AuthorizationPolicy in words. */
type Values = Readonly<Record<string, unknown>>;

/** Istio: Rule. Null counts as absent. */
export interface WrittenSource {
  readonly from?: readonly { readonly source?: Values | null }[] | null;
  readonly to?: readonly { readonly operation?: Values | null }[] | null;
  readonly when?:
    readonly { readonly key: string; readonly values?: unknown; readonly notValues?: unknown }[] | null;
}

/** `from 203.0.113.0/24, to GET /api/*, when request.headers[x-user] is a or b`; `every request` for a rule without conditions. */
export function policyRuleWords(rule: WrittenSource | null): string {
  const [from, to, when] = [rule?.from ?? [], rule?.to ?? [], rule?.when ?? []];
  const words = [
    ...(from.length > 0 ? [`from ${from.map(({ source }) => fieldWords(source)).join(" or ")}`] : []),
    ...(to.length > 0 ? [`to ${to.map(({ operation }) => fieldWords(operation)).join(" or ")}`] : []),
    ...when.map(({ key, values, notValues }) =>
      [`when ${key}`, values ? `is ${listed(values)}` : "", notValues ? `is not ${listed(notValues)}` : ""]
        .filter(Boolean)
        .join(" "),
    ),
  ];
  return words.join(", ") || "every request";
}

/** Fields whose values say what they are. */
const PLAIN = ["methods", "paths", "hosts", "ipBlocks", "remoteIpBlocks", "principals"];

const fieldWords = (fields: Values | null | undefined): string =>
  Object.entries(fields ?? {})
    .sort(([a], [b]) => PLAIN.indexOf(a) - PLAIN.indexOf(b))
    .map(([name, values]) => (PLAIN.includes(name) ? listed(values) : `${name} ${listed(values)}`))
    .join(" ") || "anywhere";

const listed = (values: unknown): string =>
  Array.isArray(values)
    ? values.length === 1
      ? String(values[0])
      : `[${values.join(", ")}]`
    : String(values);
