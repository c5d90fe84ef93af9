/** Tokens (JWT), right and wrong ones. */
import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";

export interface Issuer {
  /** The public key as a JWK set. */
  readonly jwks: { readonly keys: readonly object[] };
  /** A token with `claims` over the usual ones, signed; `undefined` takes a claim away. */
  token(claims?: Readonly<Record<string, unknown>>): string;
  /** A token whose header and signature are somebody's own idea. */
  forge(
    header: object,
    signature: (input: string) => Buffer,
    claims?: Readonly<Record<string, unknown>>,
  ): string;
  readonly publicKey: KeyObject;
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** An issuer with a new key. */
export function issuer(name: string, audience: string): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const now = Math.floor(Date.now() / 1000);
  const usual = { iss: name, aud: audience, sub: "somebody", iat: now, exp: now + 3600 };
  const forge: Issuer["forge"] = (header, signature, claims = {}) => {
    const input = `${encoded(header)}.${encoded({ ...usual, ...claims })}`;
    return `${input}.${signature(input).toString("base64url")}`;
  };
  return {
    publicKey,
    jwks: { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k1", alg: "RS256", use: "sig" }] },
    forge,
    token: (claims = {}) =>
      forge(
        { alg: "RS256", kid: "k1", typ: "JWT" },
        (input) => sign("sha256", Buffer.from(input), privateKey),
        claims,
      ),
  };
}

/** Tokens that must never be taken, made of everything but the private key of `by`. */
export function forgeries(by: Issuer, foreign: Issuer): Readonly<Record<string, string>> {
  const unsigned = (): Buffer => Buffer.alloc(0);
  const now = Math.floor(Date.now() / 1000);
  const valid = by.token();
  const [header = "", , signature = ""] = valid.split(".");
  return {
    expired: by.token({ exp: now - 120 }),
    "not yet valid": by.token({ nbf: now + 3600 }),
    "for another audience": by.token({ aud: "another" }),
    "for no audience": by.token({ aud: undefined }),
    "of another issuer": by.token({ iss: "https://evil.example.com/" }),
    "without a signature": by.forge({ alg: "none", typ: "JWT" }, unsigned),
    "without a signature, in other letters": by.forge({ alg: "nOnE", typ: "JWT" }, unsigned),
    "with an empty signature": by.forge({ alg: "RS256", kid: "k1", typ: "JWT" }, unsigned),
    "signed by a foreign key": foreign.token(),
    // The public key, which everybody has, taken for a shared secret.
    "signed by the public key": by.forge({ alg: "HS256", kid: "k1", typ: "JWT" }, (input) =>
      createHmac("sha256", by.publicKey.export({ type: "spki", format: "pem" }))
        .update(input)
        .digest(),
    ),
    "with other claims than were signed": `${header}.${encoded({ iss: "x" })}.${signature}`,
    "no token at all": "not.a.token",
  };
}
