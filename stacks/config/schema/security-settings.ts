import { createPublicKey } from "node:crypto";
import { isIP } from "node:net";
import { z } from "zod";
import type { MutualTlsArgs } from "../../../components/security/mutual-tls";
import type { Authentication } from "../../../components/security/authentication";
import type { AccessLists } from "../../../components/security/access-lists";
import type { ServiceIdentity } from "../../../components/security/identity";
import type { CallerLists } from "../../../components/security/caller-lists";
import { claims } from "./claims-settings";
import { LABEL, LABEL_RULE, SUBDOMAIN } from "./dns-names";
import { PATH } from "./match-settings";
import { formProblem } from "../report/problem";
import {
  addProblem,
  choice,
  exactlyOne,
  field,
  flag,
  isObject,
  list,
  map,
  object,
  refined,
  refuse,
  refuseAs,
  type Refused,
  text,
  WHEN_OBJECT,
  withDefault,
} from "./fields";
import { cookieName, headerName, method } from "./http-names";
import { integer } from "./number-fields";

/** Who may come in and who may talk to whom. */
export interface SecuritySettings {
  readonly mtls: Required<Pick<MutualTlsArgs, "mode" | "namespaces">>;
  /** Proxies in front of the gateway. Default 0. */
  readonly trustedProxies: number;
  readonly access?: AccessLists & { readonly dryRun: boolean };
  /** Other services of the mesh that may, or may not, ask the category API. */
  readonly services?: CallerLists;
  readonly authentication?: Authentication;
  readonly networkPolicies: {
    /** Default true. */
    readonly enabled: boolean;
    /** Namespaces whose pods may fetch metrics. Default the one of our Prometheus. */
    readonly scrapers: readonly string[];
  };
}

const MODES = ["STRICT", "PERMISSIVE"] as const;
const mode = (description: string) => choice(MODES, { description }, { DISABLE: "PERMISSIVE" });

const mtls = object(
  {
    mode: withDefault(
      mode(
        "STRICT takes mutual TLS alone; PERMISSIVE takes plain text too, while clients get their sidecars.",
      ),
      "STRICT",
    ),
    namespaces: map(
      { pattern: LABEL, allowed: LABEL_RULE, of: "namespace" },
      mode("Mode of this namespace."),
      "Namespace → mode, where it is not that of the mesh. The namespaces must exist.",
    ).prefault({}),
  },
  "Mutual TLS between the workloads of the mesh.",
);

const PATH_RULE = 'a normalized path without "*" and ";"';
const isPath = (value: unknown): value is string =>
  typeof value === "string" && PATH.pattern.test(value) && !/[*;]/.test(value);
const pathText = (description: string) =>
  field((value) => (isPath(value) ? value : refuse()), {
    title: PATH_RULE,
    type: "string",
    pattern: "^/",
    description,
    example: "/api/v1/private",
  });
const path = z
  .union(
    [
      pathText("This path alone.").transform((exact) => ({ exact })),
      object(
        { prefix: pathText("This path and everything below it: /a is /a and /a/b, not /ab.") },
        "A path with everything below it.",
      ),
    ],
    { error: () => `a path, or an object with prefix` },
  )
  .meta({ description: "A path, or an object with prefix." });
const paths = (description: string) => list(path, "a list of paths, each once", description);

const condition = {
  paths: paths("Any of these paths; any path when absent.").exactOptional(),
  methods: list(
    method("A method."),
    "a list of methods, each once",
    "Any of these methods; any when absent.",
  ).exactOptional(),
};

const address = field(
  (value) => {
    const [ip = "", bits, ...rest] = typeof value === "string" ? value.split("/") : [];
    const family = isIP(ip);
    const most = family === 4 ? 32 : 128;
    const fits = bits === undefined || (/^(0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= most);
    return family !== 0 && fits && rest.length === 0 && !ip.includes("%") ? (value as string) : refuse();
  },
  {
    title: "an IP address, or a CIDR block such as 203.0.113.0/24",
    type: "string",
    description: "An address of a client, or a block of addresses.",
    example: "203.0.113.0/24",
  },
);

const someCondition = (of: readonly string[]) => (entry: object, context: z.core.$RefinementCtx) => {
  if (of.some((key) => key in entry) || context.issues.length > 0) return;
  addProblem(context, formProblem("conditionMissing", [], { of }));
};

const accessEntry = object(
  {
    addresses: list(address, "a list of addresses, each once", "Clients by address.").exactOptional(),
    ...condition,
    claims,
  },
  "Requests, by everything that is given.",
).superRefine(someCondition(["addresses", "paths", "methods", "claims"]));
const ENTRIES = "a list of entries, each once";

const access = object(
  {
    deny: list(accessEntry, ENTRIES, "Requests to refuse. It wins over allow.").exactOptional(),
    allow: list(accessEntry, ENTRIES, "The only requests to let in; all when absent.").exactOptional(),
    dryRun: withDefault(
      flag({
        description: "Refuse nothing: say in access logs and Envoy's statistics what would be refused.",
      }),
      false,
    ),
  },
  "Who may come in through the gateway; refused is 403.",
);

const identity = field(
  (value): ServiceIdentity | Refused => {
    const [namespace = "", serviceAccount = "", ...rest] = typeof value === "string" ? value.split("/") : [];
    const fits = LABEL.test(namespace) && (serviceAccount === "*" || SUBDOMAIN.test(serviceAccount));
    return fits && rest.length === 0 ? { namespace, serviceAccount } : refuse();
  },
  {
    title: "namespace/serviceaccount, or namespace/* for every account of a namespace",
    type: "string",
    pattern: `${LABEL.source.slice(0, -1)}/(\\*|${SUBDOMAIN.source.slice(1, -1)})$`,
    description: "Identity of a workload in the mesh.",
    example: "shop/frontend",
  },
);
const serviceEntry = object(
  {
    identities: list(
      identity,
      "a list of identities, each once",
      "Workloads of the mesh by their service account.",
    ),
    ...condition,
    paths: paths("Any of these paths; those that the gateway routes when absent.").exactOptional(),
  },
  "Requests of workloads, by everything that is given.",
).meta({ required: ["identities"] });

const services = object(
  {
    deny: list(serviceEntry, ENTRIES, "Requests to refuse. It wins over allow.").exactOptional(),
    allow: list(serviceEntry, ENTRIES, "Requests to let in; none when absent.").exactOptional(),
  },
  "Which other services of the mesh may ask the category API without the gateway: none unless allowed.",
);

const jwks = field(
  (value) => {
    const set = parsed(value);
    const keys = isObject(set) && Array.isArray(set.keys) ? (set.keys as unknown[]) : [];
    // Never the value: whoever mistakes a private key for a public one shall not find it in a log.
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

/** Algorithms by what a key is: those by which Envoy verifies tokens (google/jwt_verify_lib, jwks.cc). */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  rsa: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  prime256v1: ["ES256"],
  secp384r1: ["ES384"],
  secp521r1: ["ES512"],
  ed25519: ["EdDSA"],
};

/** One key that is not right makes Envoy refuse the listeners of the gateway, all of them. */
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
      // RFC 7518, 3.3, and the largest that BoringSSL takes.
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
            { description: "What stands before the token; nothing when absent.", example: "Bearer " },
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
      "Query parameters with the token: they stand in traces and in the histories of browsers.",
    ).exactOptional(),
    cookies: list(
      cookieName("Cookie.", "session"),
      "a list of cookies, each once",
      "Cookies with the token.",
    ).exactOptional(),
  },
  "Where the token stands; `Authorization: Bearer` when absent.",
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
      const told = Object.values(issuer.claims ?? {}).some((values) => !values.includes("*"));
      if ("audiences" in issuer || told) return [];
      return [formProblem("jwtAudienceMissing", ["audiences"], { claims: "claims" in issuer })];
    }),
    WHEN_OBJECT,
  )
  .superRefine(exactlyOne(["jwksUri", "jwks"]), WHEN_OBJECT);

const authentication = object(
  {
    jwt: list(jwt, "a list of issuers, each once", "Issuers whose tokens are taken."),
    required: list(
      object(condition, "Requests, by everything that is given.").superRefine(
        someCondition(["paths", "methods"]),
      ),
      ENTRIES,
      "Requests that need a token; all when absent. A token that is not valid is refused everywhere.",
    ).exactOptional(),
    optional: paths("Paths that need no token, whatever required says.").exactOptional(),
  },
  "Tokens (JWT), verified at the gateway: 401 for one that is not valid, 403 where one is missing.",
).meta({ required: ["jwt"] });

export const security = object(
  {
    mtls: mtls.prefault({}),
    trustedProxies: withDefault(
      integer(0, 10, {
        description:
          "Proxies in front of the gateway that append their client to X-Forwarded-For. With 0 the client is the peer of the gateway, and the header is not believed.",
        example: 1,
      }),
      0,
    ),
    access: access.exactOptional(),
    services: services.exactOptional(),
    authentication: authentication.exactOptional(),
    networkPolicies: object(
      {
        enabled: withDefault(
          flag({
            description:
              "Whether NetworkPolicies are written: without effect where the network enforces none.",
          }),
          true,
        ),
        scrapers: withDefault(
          list(
            text(LABEL, LABEL_RULE, { description: "A namespace.", example: "monitoring" }),
            "a list of namespaces, each once",
            "Namespaces whose pods may fetch metrics, beside that of the Prometheus which is installed with `observability.prometheus`.",
          ),
          ["prometheus"],
        ),
      },
      "What the cluster's network lets through: the same as the policies of the sidecars, by namespace and port.",
    ).prefault({}),
  },
  "Who may come in, and who may talk to whom.",
);

/** What is written, as components take it. */
export function securitySettings(written: z.output<typeof security>): SecuritySettings {
  const { authentication, ...rest } = written;
  return {
    ...rest,
    ...(authentication && {
      authentication: {
        ...authentication,
        jwt: authentication.jwt.map(({ jwksUri = "", jwks, audiences, claims = {}, ...issuer }) => ({
          ...issuer,
          ...(audiences ? { audiences, ...(Object.keys(claims).length > 0 && { claims }) } : { claims }),
          ...(jwks === undefined ? { jwksUri } : { jwks }),
        })),
      },
    }),
  };
}
