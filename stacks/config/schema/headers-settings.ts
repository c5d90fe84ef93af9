import { field, list, map, object, refuse, text } from "./fields";

/** RFC 9110, token, in lowercase, so that a name has one spelling. */
export const HEADER = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
export const HEADER_RULE = "the name of an HTTP header, in lowercase";

/** Headers of the connection, and headers whose changes Envoy refuses or overwrites (tests/e2e/headers.test.ts). */
const OTHERS =
  "host|x-envoy-.*|content-length|transfer-encoding|connection|keep-alive|proxy-connection|te|upgrade";

const changeable = (...others: readonly string[]): RegExp =>
  new RegExp(`^(?!(?:${[OTHERS, ...others].join("|")})$)${HEADER.source.slice(1)}`);
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

interface Names {
  readonly pattern: RegExp;
  readonly allowed: string;
}

const REQUEST: Names = {
  pattern: changeable("x-forwarded-client-cert"),
  allowed: `${CHANGEABLE_RULE}; nor x-forwarded-client-cert, which sidecars write`,
};
const REQUEST_REMOVED: Names = {
  pattern: changeable("x-forwarded-client-cert", "x-forwarded-proto", "x-request-id"),
  allowed: `${CHANGEABLE_RULE}; nor x-forwarded-client-cert, x-forwarded-proto and x-request-id, which sidecars write where they are missing`,
};
/** Response headers. The gateway overwrites `server` in any case (Envoy: server_header_transformation). */
const RESPONSE: Names = {
  pattern: changeable("server", "date"),
  allowed: `${CHANGEABLE_RULE}; nor server and date, which the gateway writes itself`,
};

const values = (names: Names, description: string) =>
  map({ ...names, kind: "header" }, value, description).exactOptional();

const changes = (names: Names, removed: Names, description: string) =>
  object(
    {
      set: values(names, "Header → value, in place of any that is there."),
      add: values(names, "Header → value, in addition to an existing one."),
      remove: list(
        text(removed.pattern, removed.allowed, { description: "Name of a header.", example: "x-debug" }),
        "a list of header names, each once",
        "Headers to remove.",
      ).exactOptional(),
    },
    description,
  ).exactOptional();

export const headers = object(
  {
    request: changes(REQUEST, REQUEST_REMOVED, "Changes on the way to a version."),
    response: changes(RESPONSE, RESPONSE, "Changes on the way back to the client."),
  },
  "Headers that are set, added and removed.",
);
