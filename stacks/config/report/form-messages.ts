/** Messages of problems of a single value, which the schema refuses. */
import { message } from "../../../components/traffic/problem";
import { didYouMeanNote, show } from "./words";

/** A value that is not allowed, and the allowed ones. */
interface Refused {
  readonly value?: unknown;
  readonly allowed: string;
}
const refused = ({ value, allowed }: Refused) => ({ found: show(value), allowed });

/** Names of other products that are not accepted here, and the reason. */
const KNOWN_ELSEWHERE = {
  LEAST_CONN: "Istio has deprecated LEAST_CONN; it means LEAST_REQUEST",
  ISTIO_MUTUAL: "ISTIO_MUTUAL is for clients within the mesh",
  OPTIONAL_MUTUAL: "a certificate that is optional protects nothing",
  TLSV1_0: "RFC 8996 forbids TLS 1.0 and 1.1",
  TLSV1_1: "RFC 8996 forbids TLS 1.0 and 1.1",
  DISABLE: "a mesh without TLS has no identities to allow anything by",
} as const;
export type KnownElsewhere = keyof typeof KNOWN_ELSEWHERE;

const forms = {
  valueRefused: message("SM0101", (p: Refused & { meant?: string }) => ({
    ...refused(p),
    hint: didYouMeanNote(p.meant),
  })),
  nameFromElsewhere: message("SM0102", (p: Refused & { name: KnownElsewhere }) => ({
    ...refused(p),
    hint: KNOWN_ELSEWHERE[p.name],
  })),
  keyUnknown: message(
    "SM0103",
    (p: { keys: readonly string[]; meant?: string | undefined; taken: boolean }) => ({
      found: "an unknown key",
      allowed: p.keys.join(", "),
      hint:
        p.meant === undefined
          ? undefined
          : `did you mean ${p.meant}?${p.taken ? " That key is there too." : ""}`,
      advice: p.meant === undefined || p.taken ? undefined : `rename it to ${p.meant}`,
    }),
  ),
  keyIsPath: message("SM0104", (p: { keys: readonly string[] }) => ({
    found: "a key whose name has dots or brackets, which is no path",
    allowed: p.keys.join(", "),
    hint: "it was set without --path (option -c of up and preview writes it too): remove it, then set it again with --path",
  })),
  notAnObject: message("SM0105", (p: Refused & Example) => ({
    ...structure(p),
    advice: p.value === null ? undefined : `write its keys below it, in the stack file${exampleOf(p)}`,
  })),
  notAList: message("SM0106", (p: Refused & Example) => ({
    ...structure(p),
    advice: p.value === null ? undefined : `write its entries below it, in the stack file${exampleOf(p)}`,
  })),
  nameRefused: message("SM0107", (p: { name: string; allowed: string }) => ({
    found: `the name ${show(p.name)}`,
    allowed: p.allowed,
    advice: "rename it in the stack file",
  })),
  listEmpty: message("SM0108", (p: { allowed: string }) => ({
    found: "an empty list",
    allowed: p.allowed,
    advice: "correct the list in the stack file",
  })),
  listRepeats: message("SM0109", (p: { entry: unknown; allowed: string }) => ({
    found: `${show(p.entry)} twice`,
    allowed: p.allowed,
    advice: "correct the list in the stack file",
  })),
  notExactlyOne: message("SM0110", (p: { given: readonly string[]; keys: readonly string[] }) => ({
    found: p.given.join(" and ") || "none of them",
    allowed: `exactly one of ${p.keys.join(", ")}`,
    advice: `${p.given.length === 0 ? "write" : "leave"} one of ${p.keys.join(", ")} in the stack file`,
  })),
  conditionMissing: message("SM0111", (p: { keys: readonly string[] }) => ({
    found: "no condition",
    allowed: `at least one of ${p.keys.join(", ")}`,
    advice: "say in the stack file what it is about",
  })),
  scalarAltered: message(
    "SM0112",
    (p: { written: string | undefined; line: number; meant: keyof typeof SCALARS }) => {
      const { allowed, advice } = SCALARS[p.meant];
      const quoted = `write it in quotes in line ${p.line} of the stack file${p.written === undefined ? "" : `: "${p.written}"`}`;
      return {
        found: `${p.written ?? "a value"}, without quotes, in line ${p.line}`,
        allowed,
        hint: "YAML reads it as something else. Repair it first: each `pulumi config set` writes what was read into the file",
        advice: [
          ...(p.meant === "text" || p.meant === "unknown" ? [quoted] : []),
          ...(advice === undefined ? [] : [`${advice}, in line ${p.line} of the stack file`]),
        ],
      };
    },
  ),
  scalarAmbiguous: message(
    "SM0113",
    (p: { kind: "a number" | "a switch" | "a date"; value: string | undefined }) => ({
      found: `${p.value === undefined ? "" : `${p.value}, `}${p.kind} that is not from the stack file`,
      allowed: "text in quotes",
      hint: "how it was written cannot be told: without quotes 1.10 arrives as 1.1, 0123 as 83, and 2026-01-31 with a time",
      advice: "write it in quotes where it is from, or in the stack file",
    }),
  ),
};

interface Example {
  /** Lines that would be correct in its place. */
  readonly example?: string | undefined;
}
const exampleOf = ({ example }: Example): string =>
  example === undefined ? "" : `, for example: ${example}`;
const structure = ({ value, allowed }: Refused) => ({
  found: typeof value === "string" && value !== "" ? "text" : show(value),
  allowed,
});

/** By the type of a setting: its allowed values, and the repair in the file. */
const SCALARS = {
  text: { allowed: "text in quotes", advice: undefined },
  number: {
    allowed: "a number in decimal digits alone",
    advice: "write the number that is meant in decimal digits",
  },
  switch: { allowed: "true or false", advice: "write true or false" },
  unknown: {
    allowed: "text in quotes, or true, false or a number in decimal digits alone",
    advice: "where no text is meant, write true, false or decimal digits",
  },
};

/** Numbers and amounts. */
const numbers = {
  textIsFraction: message("SM0121", (p: Refused) => ({
    found: show(p.value),
    allowed: `${p.allowed}, in quotes`,
    hint: "YAML reads 1.30 without quotes as the number 1.3",
  })),
  percentSign: message("SM0122", (p: Refused) => ({ ...refused(p), hint: "the unit is always percent" })),
  durationRefused: message("SM0123", (p: { value: unknown; unitless: boolean }) => ({
    found: `${show(p.value)}${p.unitless ? ", without a unit" : ""}`,
    allowed: 'a duration with a unit, such as "500ms", "30s" or "5m"',
  })),
  quantityUnitless: message("SM0124", (p: Refused) => ({
    found: `${show(p.value)}, without a unit`,
    allowed: p.allowed,
    hint: "without a unit it is bytes",
  })),
  quantityThousandths: message("SM0125", (p: Refused) => ({
    ...refused(p),
    hint: "m means a thousandth; a mebibyte is Mi",
  })),
  istioVersionNewer: message("SM0126", (p: Refused) => ({
    ...refused(p),
    hint: "newer than this program knows",
  })),
  objectiveTooLow: message("SM0127", (p: Refused) => ({
    ...refused(p),
    hint: "an alert asks for 14.4 times the failures that are allowed, which soon is more than all requests",
  })),
  latencyBoundUnknown: message("SM0128", (p: Refused) => ({
    ...refused(p),
    hint: "the histogram tells nothing between its bounds",
  })),
};

/** Problems of values that may be secrets. Their messages never contain the value. */
const secrets = {
  variableNotText: message("SM0131", (p: { fraction: boolean; allowed: string }) => ({
    found: p.fraction ? "a number with a fraction" : "something that is not text",
    allowed: p.allowed,
    advice: "write it as text in quotes",
  })),
  secretNameRefused: message("SM0132", (p: { allowed: string }) => ({
    found: "text that is not such a name",
    allowed: p.allowed,
  })),
  certificatePrivate: message("SM0133", (p: { allowed: string }) => ({
    found: "a private key",
    allowed: p.allowed,
    advice: "replace the key by a new one, and write the certificate alone",
  })),
  certificateUnreadable: message("SM0134", (p: { allowed: string }) => ({
    found: "something that is no certificate",
    allowed: p.allowed,
    advice: "write the certificate of the authority in the stack file, below `ca: |`",
  })),
  urlWithLogin: message("SM0135", (p: { allowed: string }) => ({
    found: "a URL with a login",
    allowed: p.allowed,
  })),
  tagHeaderSecret: message("SM0136", (p: { value: unknown }) => ({
    found: show(p.value),
    allowed: "a header that holds no secret",
    hint: "anyone who can read traces could act as the caller",
    advice: "name another header, or remove the tag",
  })),
  tagAttributeSecret: message("SM0137", (p: { value: unknown }) => ({
    found: show(p.value),
    allowed: "an attribute that holds no secret",
    hint: "anyone who can read metrics could act as the caller",
    advice: "name another attribute, or remove the tag",
  })),
  tagAttributeUnbounded: message("SM0138", (p: { value: unknown }) => ({
    found: show(p.value),
    allowed: "an attribute with few values",
    hint: "each value is a series of its own, in every proxy and in Prometheus; classes of requests are operations",
    advice: "name another attribute, or remove the tag",
  })),
  jwksUnreadable: message("SM0139", (p: { allowed: string }) => ({
    found: "something that is not a JWK set",
    allowed: p.allowed,
    advice: ISSUER_KEYS,
  })),
  jwksPrivate: message("SM0140", (p: { entry: number; allowed: string }) => ({
    found: `a private key, entry ${p.entry}`,
    allowed: p.allowed,
    advice: "replace the key by a new one, and write its public part alone",
  })),
  jwksKeyUnusable: message("SM0141", (p: { entry: number; allowed: string }) => ({
    found: `entry ${p.entry} that is no public key by which Envoy verifies tokens`,
    allowed: p.allowed,
    advice: ISSUER_KEYS,
  })),
};
const ISSUER_KEYS = "write the issuer's public signing keys, as its jwks_uri shows them";

/** Values that are wrong together with others of their block. */
const blocks = {
  regexRefused: message("SM0151", (p: Refused & { why: string }) => ({
    found: `${show(p.value)} (${p.why})`,
    allowed: p.allowed,
  })),
  regexNotEmbeddable: message("SM0152", (p: { value: unknown; separator: string }) => ({
    found: show(p.value),
    allowed: `a regular expression that never matches "${p.separator}", without flags, and without anchors except at its ends`,
    hint: "a cookie is looked for within the cookie header, among others",
  })),
  corsExposesAll: message("SM0153", () => ({
    found: '"*" beside credentials',
    allowed: "header names beside credentials",
    hint: "browsers take it for the name of a header then (Fetch standard)",
    advice: "name each header, or remove the credentials",
  })),
  corsTrustsAll: message("SM0154", () => ({
    found: 'true with origin "*"',
    allowed: "credentials with origins by name only",
    hint: "any page on the web could act as the user who is logged in",
  })),
  gatewayLabelMissing: message("SM0155", () => ({
    found: "no label",
    allowed: "at least one label",
    advice: "write the labels of the gateway's pods in the stack file",
  })),
  jwtAudienceMissing: message("SM0156", (p: { claims: boolean }) => ({
    found: p.claims ? 'claims of any value ("*") alone' : "nothing",
    allowed: "audiences, or claims with a value that only tokens for this service have",
    hint: "an issuer has other applications too; where its tokens have no aud, name a claim such as client_id",
    advice:
      "write the audiences, or claims with their values, in the stack file, for example: audiences: [shop]",
  })),
};

export const FORM_MESSAGES = { ...forms, ...numbers, ...secrets, ...blocks };
