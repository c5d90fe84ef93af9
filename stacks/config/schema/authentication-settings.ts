import { condition, ENTRIES, paths, someCondition } from "./access-settings";
import { createPublicKey } from "node:crypto";
import { claims } from "./claims-settings";
import { formProblem } from "../report/catalogue";
import {
  exactlyOne,
  field,
  flag,
  isObject,
  list,
  object,
  refined,
  refuseAs,
  text,
  WHEN_OBJECT,
  withDefault,
} from "./fields";
import { cookieName, headerName } from "./http-names";

const jwks = field(
  (value) => {
    const set = parsed(value);
    const keys = isObject(set) && Array.isArray(set.keys) ? (set.keys as unknown[]) : [];
    // The message never contains the value, which may be a private key by mistake.
    if (keys.length === 0) return refuseAs("jwksUnreadable", {});
    const secret = keys.findIndex((key) => isObject(key) && ["d", "k", "p", "q"].some((part) => part in key));
    if (secret >= 0) return refuseAs("jwksPrivate", { entry: secret + 1 });
    const wrong = keys.findIndex((key) => !isVerifyingKey(key));
    return wrong >= 0 ? refuseAs("jwksKeyUnusable", { entry: wrong + 1 }) : JSON.stringify(set);
  },
  {
    title:
      "a JWK set of public keys (RFC 7517: RSA of 2048 to 8192 bits, P-256, P-384, P-521, Ed25519), as JSON text or as an object",
    type: ["string", "object"],
    description: "Public keys of the issuer, inline. Exactly one of jwksUri and jwks.",
  },
);

function parsed(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

/** Algorithms by type of key that Envoy supports for tokens (google/jwt_verify_lib, jwks.cc). */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  rsa: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  prime256v1: ["ES256"],
  secp384r1: ["ES384"],
  secp521r1: ["ES512"],
  ed25519: ["EdDSA"],
};

/** Checks one key. A single wrong key makes Envoy refuse all listeners of the gateway. */
function isVerifyingKey(key: unknown): boolean {
  if (!isObject(key) || !["string", "undefined"].includes(typeof key.kid)) return false;
  try {
    const { asymmetricKeyType = "", asymmetricKeyDetails = {} } = createPublicKey({ key, format: "jwk" });
    const {
      modulusLength = 2048,
      publicExponent = 3n,
      namedCurve = asymmetricKeyType,
    } = asymmetricKeyDetails;
    return (
      // The minimum of RFC 7518, 3.3, and the maximum of BoringSSL.
      modulusLength >= 2048 &&
      modulusLength <= 8192 &&
      publicExponent >= 3n &&
      publicExponent < 2n ** 32n &&
      (ALGORITHMS[namedCurve] ?? []).some((algorithm) => [algorithm, undefined].includes(key.alg as string))
    );
  } catch {
    return false;
  }
}

const from = object(
  {
    headers: list(
      object(
        {
          name: headerName("Header.", "authorization"),
          prefix: text(
            /^[\x21-\x7e][\x20-\x7e]*$/,
            'what stands before the token, such as "Bearer " with its space',
            { description: "Text before the token. Default: none.", example: "Bearer " },
          ).exactOptional(),
        },
        "A header.",
      ),
      "a list of headers, each once",
      "Headers with the token.",
    ).exactOptional(),
    params: list(
      text(/^[\w.~-]+$/, "the name of a query parameter", {
        description: "Query parameter.",
        example: "access_token",
      }),
      "a list of query parameters, each once",
      "Query parameters with the token. Traces and the histories of browsers show them.",
    ).exactOptional(),
    cookies: list(
      cookieName("Cookie.", "session"),
      "a list of cookies, each once",
      "Cookies with the token.",
    ).exactOptional(),
  },
  "Place of the token. Default: `Authorization: Bearer`.",
).superRefine(someCondition(["headers", "params", "cookies"]));

const jwt = object(
  {
    issuer: text(
      /^\S{1,1024}$/,
      "the claim iss of the tokens, exactly",
      { description: "Who issues the tokens: their claim iss.", example: "https://id.example.com/" },
      (written) => written.trim(),
    ),
    audiences: list(
      text(
        /^(?!\*$)\S{1,1024}$/,
        'a value of the claim aud; "*" is none that means any',
        { description: "A value of the claim aud.", example: "shop" },
        (written) => written.trim(),
      ),
      "a list of audiences, each once",
      "A token must be meant for one of them: the issuer has other applications too.",
    ).exactOptional(),
    claims,
    jwksUri: text(
      /^(https:\/\/[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?|http:\/\/[a-z0-9][a-z0-9.-]*\.svc(\.cluster\.local)?(:\d{1,5})?)(\/([\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?$/,
      "an https URL without user and password; http only for a service of the cluster (.svc)",
      {
        description: "URL of the issuer's public keys; istiod fetches them. Exactly one of jwksUri and jwks.",
        example: "https://id.example.com/.well-known/jwks.json",
      },
      (written) => written.trim().replace(/^http:/, "https:"),
    ).exactOptional(),
    jwks: jwks.exactOptional(),
    from: from.exactOptional(),
    forward: withDefault(flag({ description: "Whether the service gets the token too." }), false),
  },
  "An issuer of tokens.",
)
  .meta({
    required: ["issuer"],
    examples: [
      {
        issuer: "https://id.example.com/",
        audiences: ["shop"],
        jwksUri: "https://id.example.com/.well-known/jwks.json",
      },
    ],
  })
  .superRefine(
    refined((issuer) => {
      const byClaims = Object.values(issuer.claims ?? {}).some(
        (values) => !Array.isArray(values) || !values.includes("*"),
      );
      if ("audiences" in issuer || byClaims) return [];
      return [formProblem("jwtAudienceMissing", ["audiences"], { claims: "claims" in issuer })];
    }),
    WHEN_OBJECT,
  )
  .superRefine(exactlyOne(["jwksUri", "jwks"]), WHEN_OBJECT);

export const authentication = object(
  {
    jwt: list(jwt, "a list of issuers, each once", "Issuers whose tokens are accepted."),
    required: list(
      object(condition, "Requests, by everything that is given.").superRefine(
        someCondition(["paths", "methods"]),
      ),
      ENTRIES,
      "Requests that need a token. Default: all. An invalid token is refused in any request.",
    ).exactOptional(),
    optional: paths("Paths that need no token, whatever required says.").exactOptional(),
  },
  "Tokens (JWT), verified at the gateway: 401 for one that is not valid, 403 where one is missing.",
).meta({ required: ["jwt"] });
