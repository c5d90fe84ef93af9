import { field, list, map, object, refuse, text } from "./fields";

/** RFC 9110, token, in lowercase: two spellings of one name would be two entries. */
export const HEADER = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
export const HEADER_RULE = "the name of an HTTP header, in lowercase";

/** Envoy refuses or overwrites changes of the others, or they belong to the connection. */
const CHANGEABLE = new RegExp(
  `^(?!(?:host|x-envoy-.*|content-length|transfer-encoding|connection|upgrade)$)${HEADER.source.slice(1)}`,
);
const CHANGEABLE_RULE =
  "the name of an HTTP header, in lowercase, other than host (that is rewrite.host), x-envoy-* and those of the connection";

const value = field(
  (written) => {
    const text = typeof written === "number" || typeof written === "boolean" ? String(written) : written;
    return typeof text === "string" && /^[\x20-\x7e]{1,4096}$/.test(text) ? text : refuse();
  },
  {
    title: "1 to 4096 printable ASCII characters",
    type: ["string", "number", "boolean"],
    description: "Value, as it is: a percent sign is one.",
  },
);

/** The gateway writes its own name over `server`, whatever a route says of it (Envoy: server_header_transformation). */
const ANSWERED = new RegExp(CHANGEABLE.source.replace("host|", "host|server|"));
const ANSWERED_RULE = `${CHANGEABLE_RULE}; nor server, over which the gateway writes its own name`;

const values = (pattern: RegExp, allowed: string, description: string) =>
  map({ pattern, allowed, of: "header" }, value, description).exactOptional();

const changes = (pattern: RegExp, allowed: string, description: string) =>
  object(
    {
      set: values(pattern, allowed, "Header → value, in place of any that is there."),
      add: values(pattern, allowed, "Header → value, beside any that is there."),
      remove: list(
        text(pattern, allowed, { description: "Name of a header.", example: "x-debug" }),
        "a list of header names, each once",
        "Headers that are taken away.",
      ).exactOptional(),
    },
    description,
  ).exactOptional();

export const headers = object(
  {
    request: changes(CHANGEABLE, CHANGEABLE_RULE, "Changes on the way to a version."),
    response: changes(ANSWERED, ANSWERED_RULE, "Changes on the way back to the client."),
  },
  "Headers that are set, added and removed.",
);
