/** Rules of an AuthorizationPolicy in words. */
type Values = Readonly<Record<string, unknown>>;

/** Istio: Rule. */
export interface WrittenSource {
  readonly from?: readonly { readonly source?: Values }[];
  readonly to?: readonly { readonly operation?: Values }[];
  readonly when?: readonly {
    readonly key: string;
    readonly values?: unknown;
    readonly notValues?: unknown;
  }[];
}

/** `from 203.0.113.0/24, to GET /api/*, when request.headers[x-user] is a or b`; `every request` for a rule without conditions. */
export function policyRuleWords({ from = [], to = [], when = [] }: WrittenSource): string {
  const words = [
    ...(from.length > 0 ? [`from ${from.map(({ source }) => fieldWords(source)).join(" or ")}`] : []),
    ...(to.length > 0 ? [`to ${to.map(({ operation }) => fieldWords(operation)).join(" or ")}`] : []),
    ...when.map(({ key, values, notValues }) =>
      values === undefined ? `when ${key} is not ${listed(notValues)}` : `when ${key} is ${listed(values)}`,
    ),
  ];
  return words.join(", ") || "every request";
}

/** Fields whose values say what they are. */
const PLAIN = ["methods", "paths", "hosts", "ipBlocks", "remoteIpBlocks", "principals"];

const fieldWords = (fields: Values = {}): string =>
  Object.entries(fields)
    .sort(([a], [b]) => PLAIN.indexOf(a) - PLAIN.indexOf(b))
    .map(([name, values]) => (PLAIN.includes(name) ? listed(values) : `${name} ${listed(values)}`))
    .join(" ");

const listed = (values: unknown): string =>
  Array.isArray(values)
    ? values.length === 1
      ? String(values[0])
      : `[${values.join(", ")}]`
    : String(values);
