import { z } from "zod";
import { circuitBreaker } from "./circuit-breaker-settings";
import { LABEL, LABEL_RULE } from "./dns-names";
import { loadBalancer } from "./load-balancer-settings";
import { policies } from "./policies-settings";
import { globalRateLimit, rateLimit } from "./rate-limit-settings";
import { trafficRule } from "./rule-settings";
import { sticky } from "./sticky-settings";
import { weights } from "./weights-settings";
import { map, object } from "./fields";
import { integer } from "./number-fields";

export const traffic = object(
  {
    weights: weights(
      'Version name → share of the requests in percent. One version may say "rest"; the sum is 100; 0 keeps a version deployed without traffic.',
    ).prefault({}),
    maxStep: integer(1, 100, {
      description:
        "Points of percent by which the share of a version may rise in one edit. `pulumi preview` warns of larger steps, and `shopzier diff` calls them a risk; nothing refuses them. Default: any number.",
      example: 10,
    }).exactOptional(),
    rules: z
      .array(trafficRule, { error: () => "a list of rules" })
      .meta({
        description:
          "Rules for some requests, tried in order: the first that matches decides. What none of them matches goes by `weights`.",
      })
      .prefault([]),
    ...policies,
    globalRateLimit: globalRateLimit.exactOptional(),
    circuitBreaker: circuitBreaker.exactOptional(),
    sticky: sticky.exactOptional(),
    versions: map(
      { pattern: LABEL, allowed: LABEL_RULE, kind: "version" },
      object(
        {
          loadBalancer: loadBalancer.exactOptional(),
          circuitBreaker: circuitBreaker.exactOptional(),
          rateLimit: rateLimit.exactOptional(),
        },
        "The policies of one version. Its load balancer replaces shopzier:loadBalancer as a whole. Each key of its circuit breaker replaces that key of traffic.circuitBreaker. Its rate limit applies in each of its pods, in addition to those of the gateway.",
      ),
      "Version name → its own policies.",
    ).exactOptional(),
  },
  "Routing of requests, and their policies. A policy applies to the requests of every rule that has no block of the same name.",
).meta({ required: ["weights"] });
