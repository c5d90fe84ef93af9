import type { z } from "zod";
import { PROPAGATION_TIMEOUT_SECONDS } from "../../../components/readiness/propagation";
import { category } from "./category-settings";
import { gate } from "./gate-settings";
import { gateway } from "./gateway-settings";
import { istio } from "./istio-settings";
import { loadBalancer } from "./load-balancer-settings";
import { observability } from "./observability-settings";
import { security } from "./security-settings";
import { traffic } from "./traffic-settings";
import { flag, object, withDefault } from "./fields";
import { duration } from "./number-fields";

/** The schema of a stack's configuration: key without namespace → value. */
export const configuration = object(
  {
    production: withDefault(
      flag({
        description:
          "Hold this stack to the rules for production: HTTPS, no wildcard host, two pods of istiod, of the gateway and of every version with traffic, mutual TLS alone, charts over https, images with a fixed tag.",
      }),
      false,
    ),
    istio: istio.prefault({}),
    gateway: gateway.prefault({}),
    // With `prefault`, the report of an absent object names the keys that it needs.
    category: category.prefault({} as z.input<typeof category>),
    traffic: traffic.prefault({} as z.input<typeof traffic>),
    loadBalancer: withDefault(loadBalancer, "LEAST_REQUEST"),
    observability: observability.prefault({}),
    security: security.prefault({}),
    gate: gate.exactOptional(),
    propagation: object(
      {
        wait: withDefault(
          flag({
            description:
              "Whether an update waits until every gateway pod has its certificates before it redirects HTTP, and the new routes before it deletes what they replace.",
          }),
          true,
        ),
        timeout: withDefault(
          duration("seconds", 1000, 3_600_000, {
            description: "Longest wait; then the update fails and deletes nothing.",
            range: 'from "1s" to "1h"',
            example: `${PROPAGATION_TIMEOUT_SECONDS}s`,
          }),
          PROPAGATION_TIMEOUT_SECONDS,
          `${PROPAGATION_TIMEOUT_SECONDS}s`,
        ),
      },
      "The barrier between a traffic shift and the deletion of what it replaces.",
    ).prefault({}),
  },
  "Settings of the stack.",
).meta({ required: ["category", "traffic"] });

/** The configuration after the schema and before the checks. */
export type Configuration = z.output<typeof configuration>;
