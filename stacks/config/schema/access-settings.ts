/** Access through the gateway and for other services of the mesh. */
import { isIP } from "node:net";
import type { ServiceIdentity } from "../../../components/security/identity";
import { claims } from "./claims-settings";
import { LABEL, SUBDOMAIN } from "./dns-names";
import { PATH } from "./match-settings";
import { formProblem } from "../report/catalogue";
import { z } from "zod";
import { addProblem, field, flag, list, object, refuse, type Refused, withDefault } from "./fields";
import { method } from "./http-names";

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
export const paths = (description: string) => list(path, "a list of paths, each once", description);

export const condition = {
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

export const someCondition = (keys: readonly string[]) => (entry: object, context: z.core.$RefinementCtx) => {
  if (keys.some((key) => key in entry) || context.issues.length > 0) return;
  addProblem(context, formProblem("conditionMissing", [], { keys }));
};

const accessEntry = object(
  {
    addresses: list(address, "a list of addresses, each once", "Clients by address.").exactOptional(),
    ...condition,
    claims,
  },
  "Requests, by everything that is given.",
).superRefine(someCondition(["addresses", "paths", "methods", "claims"]));
export const ENTRIES = "a list of entries, each once";

export const access = object(
  {
    deny: list(accessEntry, ENTRIES, "Requests to refuse. It wins over allow.").exactOptional(),
    allow: list(accessEntry, ENTRIES, "Only these requests are allowed. Default: all.").exactOptional(),
    dryRun: withDefault(
      flag({
        description: "Refuse nothing. Access logs and Envoy's statistics show what would be refused.",
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

export const services = object(
  {
    deny: list(serviceEntry, ENTRIES, "Requests to refuse. It wins over allow.").exactOptional(),
    allow: list(serviceEntry, ENTRIES, "Only these requests are allowed. Default: none.").exactOptional(),
  },
  "Which other services of the mesh may ask the category API without the gateway: none unless allowed.",
);
