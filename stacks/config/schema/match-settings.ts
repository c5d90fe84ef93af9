import { z } from "zod";
import { embedded, regexProblem } from "../../../components/traffic/regex";
import { claims } from "./claims-settings";
import { hostOf, LABEL, LABEL_RULE, SUBDOMAIN } from "./dns-names";
import { HEADER, HEADER_RULE } from "./headers-settings";
import { exactlyOne, field, list, map, object, refuse, refuseAs, text, WHEN_OBJECT } from "./fields";
import { method, TOKEN } from "./http-names";

/** The values that a field of a request can have. */
interface Values {
  readonly pattern: RegExp;
  readonly allowed: string;
  readonly example: string;
  /** Separator of values, which a regex may not match. */
  readonly separator?: string;
}

const TEXT: Values = {
  pattern: /^[\x20-\x7e]{1,1024}$/,
  allowed: "1 to 1024 printable ASCII characters",
  example: "beta",
};
const COOKIE_VALUE: Values = {
  pattern: /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,1024}$/,
  allowed: 'the value of a cookie: 1 to 1024 printable ASCII characters without space and any of " , ; \\',
  example: "beta",
  separator: ";",
};
const PARAMETER: Values = {
  pattern: /^[\x21\x22\x24\x25\x27-\x7e]{1,1024}$/,
  allowed: "the value of a query parameter as it stands in the URL: encoded, without space, # and &",
  example: "beta",
};
/** A path in normalised form. The gateway normalises paths before it matches, so another form would never match. */
export const PATH: Values = {
  pattern:
    /^(?!.*\/\/)(?!.*\/\.{1,2}(?:\/|$))\/(?:[\w.~!$&'()*+,;=:@/-]|%(?!2[DdEeFf]|3\d|4[1-9A-Fa-f]|5[\dAaCcFf]|6[1-9A-Fa-f]|7[\dAaEe])[\dA-Fa-f]{2}){0,1023}$/,
  allowed:
    'a normalized path: begins with "/", without query, "//", "/./" and "/../", and nothing encoded that need not be',
  example: "/api/v1/category",
};

function plain({ pattern, allowed, example }: Values, description: string) {
  return field(
    (value) => {
      // YAML reads values without quotes as numbers and booleans.
      const scalar = typeof value === "boolean" || Number.isSafeInteger(value);
      const written = scalar ? String(value) : value;
      return typeof written === "string" && pattern.test(written) ? written : refuse();
    },
    { title: allowed, type: ["string", "integer", "boolean"], description, example },
  );
}

/** A regex that Istio accepts, and that does not match the separator of values. */
function regex({ separator }: Values) {
  return field(
    (value) => {
      if (typeof value !== "string") return refuse();
      const problem = regexProblem(value);
      if (problem !== undefined) return refuseAs("regexRefused", { why: problem });
      if (separator === undefined || embedded(value, separator) !== undefined) return value;
      return refuseAs("regexNotEmbeddable", { separator });
    },
    {
      title: "a regular expression (RE2) of at most 1024 characters",
      type: "string",
      minLength: 1,
      maxLength: 1024,
      description: "Regular expression (RE2) that has to match the whole value.",
      example: "beta-[0-9]+",
    },
  );
}

const KINDS = ["exact", "prefix", "regex"];

/** A condition on a value; a text is short for `exact`. */
function match(values: Values, what: string, present: boolean) {
  const kinds = present ? [...KINDS, "present"] : KINDS;
  const one = object(
    {
      exact: plain(values, "The whole value.").exactOptional(),
      prefix: plain(values, "What the value begins with.").exactOptional(),
      regex: regex(values).exactOptional(),
      ...(present && {
        present: field((value) => (value === true || value === "true" ? (true as const) : refuse()), {
          title: "true, or leave it out",
          enum: [true, "true"],
          description: "That there is one, with whatever value.",
          example: true,
        }).exactOptional(),
      }),
    },
    what,
  ).superRefine(exactlyOne(kinds), WHEN_OBJECT);
  return z
    .union([plain(values, what).transform((exact) => ({ exact })), one], {
      error: () => `text, or an object with one of ${kinds.join(", ")}`,
    })
    .meta({ description: what });
}

const header = map(
  {
    pattern: new RegExp(`^(?!(?:host|cookie)$)${HEADER.source.slice(1)}`),
    allowed: `${HEADER_RULE}; host and cookies have keys of their own`,
    kind: "header",
  },
  match(TEXT, "Value of the header.", true),
  "Header → value. Of several lines of one header any may match.",
).exactOptional();
const cookie = map(
  { pattern: TOKEN, allowed: "the name of a cookie", kind: "cookie" },
  match(COOKIE_VALUE, "Value of the cookie.", true),
  "Cookie → value.",
).exactOptional();

const METHOD = method("Method of the request.");

/** Conditions on a request. Without any key, every request matches. */
export const requestMatch = object(
  {
    host: text(
      new RegExp(`^(\\*\\.)?${SUBDOMAIN.source.slice(1)}`),
      "a host name in lowercase, without scheme and port, or *.example.com",
      {
        description: "Host that the client asks for, with whatever port.",
        example: "shop.example.com",
      },
      hostOf,
    ).exactOptional(),
    path: match(
      PATH,
      "Path of the request, without its query. A prefix ends at a slash: /a is /a and /a/b, not /ab.",
      false,
    ).exactOptional(),
    method: z
      .union([METHOD, list(METHOD, "a list of methods, each once", "Any of these methods.")], {
        error: () => "the name of an HTTP method, in capitals, or a list of such",
      })
      .exactOptional(),
    headers: header,
    cookies: cookie,
    query: map(
      { pattern: /^[^\s&=#?]{1,256}$/, allowed: "the name of a query parameter", kind: "query parameter" },
      match(PARAMETER, "Value of the query parameter.", true),
      "Query parameter → value, both undecoded, as in the URL. Of several with one name, the first counts.",
    ).exactOptional(),
    without: object(
      { headers: header, cookies: cookie },
      "None of these; a missing header or cookie is none.",
    ).exactOptional(),
    claims,
    sourceNamespace: text(LABEL, LABEL_RULE, {
      description:
        "Namespace of the caller, for calls within the mesh to the service itself. Such a rule does not apply at the gateway.",
      example: "shop",
    }).exactOptional(),
  },
  "What a request has to be like: all of it.",
);
