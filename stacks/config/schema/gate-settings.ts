import { LABEL, LABEL_RULE } from "./dns-names";
import { choice, object, text, withDefault } from "./fields";
import { duration, percent } from "./number-fields";

/** The block `gate` of a stack file. */
export const gate = object(
  {
    window: withDefault(
      duration("seconds", 60_000, 86_400_000, {
        description: "How far back requests are counted; never to before the last change of the route.",
        range: 'from "1m" to "24h"',
        example: "30m",
      }),
      1800,
      "30m",
    ),
    onMissing: withDefault(
      choice(["allow", "refuse"], {
        description:
          "What happens to a version about which nothing was counted: no Prometheus, no scrape since the last change of the route, or no requests.",
      }),
      "allow",
    ),
    prometheus: text(
      /^(https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?|[a-z0-9-]+\/((http|https):)?[a-z0-9.-]+:[a-z0-9-]+)$/,
      "a URL, or namespace/service:port of a Service in the cluster",
      {
        description:
          "Who counts the requests. `up` sends the environment variable PROMETHEUS_TOKEN to an https URL. Default: the Prometheus of this stack.",
        example: "monitoring/prometheus:9090",
      },
    ).exactOptional(),
    override: object(
      {
        version: text(LABEL, LABEL_RULE, { description: "The version that may rise.", example: "v2" }),
        to: percent({ description: "Percent of the requests, up to which it may rise.", example: 50 }),
        reason: text(/\S/, "why", {
          description: "Why; it is in the outputs of the stack.",
          example: "the errors are those of a load test",
        }),
      },
      "A rise that goes ahead whatever the evidence says.",
    ).exactOptional(),
  },
  "Whether an update refuses more requests for a version that the evidence calls worse. No gate when absent.",
);
