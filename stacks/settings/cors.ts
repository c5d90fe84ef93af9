import { SUBDOMAIN } from "./dns";
import { choice, duration, flag, isObject, list, object, text } from "./fields";

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
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

const names = (description: string) =>
  list(
    text(NAME, "the name of an HTTP header", { description: "Name of a header.", example: "content-type" }),
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
      "Methods that a page may use beside GET, HEAD and POST.",
    ).exactOptional(),
    headers: names("Request headers that a page may send beside the safelisted ones."),
    expose: names("Response headers that a page may read beside the safelisted ones."),
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
    ({ origins, credentials, expose }, context) => {
      if (credentials !== true) return;
      if (Array.isArray(expose) && expose.includes("*")) {
        context.addIssue({
          code: "custom",
          path: ["expose"],
          message: "header names beside credentials",
          params: {
            found: '"*" beside credentials',
            hint: "browsers take it for the name of a header then (Fetch standard)",
            repairs: [{ say: "name each header, or remove the credentials" }],
          },
        });
      }
      if (!Array.isArray(origins) || !origins.includes("*")) return;
      context.addIssue({
        code: "custom",
        path: ["credentials"],
        message: "credentials with origins by name only",
        params: {
          found: 'true with origin "*"',
          hint: "any page on the web could act as the user who is logged in",
          repairs: [{ set: false }],
        },
      });
    },
    { when: (payload) => isObject(payload.value) },
  )
  .transform(({ maxAge, ...cors }) => ({ ...cors, ...(maxAge !== undefined && { maxAgeSeconds: maxAge }) }));
