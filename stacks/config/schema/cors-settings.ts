import { SUBDOMAIN } from "./dns-names";
import { formProblem } from "../report/catalogue";
import { choice, flag, list, object, refined, text, WHEN_OBJECT } from "./fields";
import { headerName } from "./http-names";
import { duration } from "./number-fields";

/** Istio: validateCORSPolicy. */
const METHODS = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "CONNECT",
  "TRACE",
  "*",
] as const;

const ORIGIN = new RegExp(`^(\\*|https?://(\\*\\.)?${SUBDOMAIN.source.slice(1, -1)}(:\\d{1,5})?)$`);

const names = (description: string) =>
  list(
    headerName("Name of a header.", "content-type"),
    "a list of header names, each once",
    description,
  ).exactOptional();

export const cors = object(
  {
    origins: list(
      text(
        ORIGIN,
        'an origin: scheme, host and a port that is not the default ("https://shop.example.com", "https://*.example.com"), or "*"',
        { description: "An origin.", example: "https://shop.example.com" },
        (written) =>
          written
            .trim()
            .toLowerCase()
            .replace(/\/.*$/, (path, at: number) => (at > 6 ? "" : path)),
      ),
      "a list of origins, each once",
      "Origins whose pages may use the answers.",
    ),
    methods: list(
      choice(METHODS, { description: "A method." }),
      "a list of methods, each once",
      "Methods that a page may use in addition to GET, HEAD and POST.",
    ).exactOptional(),
    headers: names("Request headers that a page may send in addition to the safelisted ones."),
    expose: names("Response headers that a page may read in addition to the safelisted ones."),
    maxAge: duration("seconds", 1000, 86_400_000, {
      description: "How long a browser may remember the answer to a preflight.",
      range: 'from "1s" to "24h"',
      example: "1h",
    }).exactOptional(),
    credentials: flag({ description: "Whether a page may send cookies. Default false." }).exactOptional(),
  },
  "Which pages of other origins may use the answers (CORS). The gateway answers preflights itself.",
)
  .meta({ required: ["origins"] })
  .superRefine(
    refined(({ origins, credentials, expose }) => {
      if (credentials !== true) return [];
      const has = (list: unknown, entry: string): boolean => Array.isArray(list) && list.includes(entry);
      return [
        ...(has(expose, "*") ? [formProblem("corsExposesAll", ["expose"], {})] : []),
        ...(has(origins, "*") ? [formProblem("corsTrustsAll", ["credentials"], {}, { set: false })] : []),
      ];
    }),
    WHEN_OBJECT,
  )
  .transform(({ maxAge, ...cors }) => ({ ...cors, ...(maxAge !== undefined && { maxAgeSeconds: maxAge }) }));
