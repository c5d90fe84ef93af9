import { z } from "zod";
import type { RequestMatch } from "../../../components/traffic/matches";
import type { RuleAction, TrafficRule } from "../../../components/traffic/traffic-rules";
import { LABEL, LABEL_RULE, SUBDOMAIN } from "./dns-names";
import { PATH, requestMatch } from "./match-settings";
import { policies, rulePolicies } from "./policies-settings";
import { weights } from "./weights-settings";
import { choice, exactlyOne, field, object, refuse, text, WHEN_OBJECT } from "./fields";
import { integer } from "./number-fields";

const host = (description: string) =>
  text(
    SUBDOMAIN,
    "a host name in lowercase, without scheme and port",
    { description, example: "shop.example.com" },
    (written) =>
      written
        .trim()
        .toLowerCase()
        .replace(/^[a-z]+:\/\//, "")
        .replace(/[:/].*$/, ""),
  ).exactOptional();

const path = (description: string) =>
  text(PATH.pattern, PATH.allowed, { description, example: PATH.example }, (written) => `/${written}`);

const redirect = object(
  {
    status: field(
      (value) => {
        const status = Number(value);
        return [301, 302, 303, 307, 308].includes(status) ? status : refuse();
      },
      {
        title: "301, 302, 303, 307 or 308",
        enum: [301, 302, 303, 307, 308, "301", "302", "303", "307", "308"],
        description:
          "Status of the answer. Default 301, which browsers remember; 302 and 307 are for a time.",
        example: 302,
      },
    ).exactOptional(),
    scheme: choice(["https", "http"], {
      description: "Scheme to go to. Default: that of the request.",
    }).exactOptional(),
    host: host("Host to go to. Default: that of the request."),
    port: integer(1, 65535, {
      description:
        "Port to go to. Default: with `scheme` that of the scheme (with several hosts or a wildcard one, a port in Host stays), else that of the request.",
      example: 443,
    }).exactOptional(),
    path: path("Path to go to, in place of the whole path. Default: that of the request.").exactOptional(),
  },
  "Send the client elsewhere; the query stays.",
);

const respond = object(
  {
    status: integer(200, 599, { description: "Status of the answer.", example: 503 }),
    body: field(
      (value) =>
        typeof value === "string" && value !== "" && Buffer.byteLength(value) <= 4096 ? value : refuse(),
      {
        title: "text of at most 4096 bytes",
        type: "string",
        minLength: 1,
        maxLength: 4096,
        description: "Body of the answer, as text/plain unless headers.response.set says otherwise.",
        example: "closed for maintenance",
      },
    ).exactOptional(),
  },
  "Answer at the gateway, without asking a version.",
).meta({ required: ["status"] });

const rewrite = object(
  {
    path: path(
      "Replaces the matched part of the path: the prefix, or the whole of an exact path.",
    ).exactOptional(),
    host: host("Host that the version is asked for."),
  },
  "Change the request on its way to the version.",
);

const ACTIONS = ["to", "weights", "redirect", "respond"] as const;

export const trafficRule = object(
  {
    name: text(LABEL, LABEL_RULE, {
      description: "Name of the rule, once in the list; the route name in the gateway's access log.",
      example: "beta",
    }),
    match: z
      .union(
        [
          requestMatch,
          z.array(requestMatch, { error: () => "a list of matches" }).meta({
            title: "a list of such objects",
            description: "Any of them has to match.",
          }),
        ],
        {
          error: () => "an object with what has to match, or a list of such",
        },
      )
      .meta({
        description:
          "Which requests the rule is for. Of a list any has to match; without any key every request does.",
      }),
    to: text(LABEL, LABEL_RULE, {
      description: "The version that gets the requests.",
      example: "v2",
    }).exactOptional(),
    weights: weights(
      "Version → share of the rule's requests in percent. Versions may be left out.",
    ).exactOptional(),
    redirect: redirect.exactOptional(),
    respond: respond.exactOptional(),
    rewrite: rewrite.exactOptional(),
    ...policies,
  },
  "A rule for some requests. Exactly one of to, weights, redirect, respond.",
)
  .meta({
    required: ["name", "match"],
    examples: [{ name: "beta", match: { headers: { "x-user": "beta" } }, to: "v2" }],
  })
  .superRefine(exactlyOne(ACTIONS), WHEN_OBJECT);

/** A rule after the schema. */
export type WrittenRule = z.output<typeof trafficRule>;

/** A rule as argument of the plan. */
export function trafficRuleOf(written: WrittenRule): TrafficRule {
  const { name, match, to, weights, redirect, respond, rewrite, ...others } = written;
  const action: RuleAction =
    to !== undefined
      ? { to }
      : weights
        ? { weights }
        : redirect
          ? { redirect }
          : { respond: respond ?? { status: 404 } };
  const own = rulePolicies(others);
  return {
    name,
    match: [match].flat() as RequestMatch[],
    action,
    ...(rewrite && { rewrite }),
    ...(Object.keys(own).length > 0 && { policies: own }),
  };
}
