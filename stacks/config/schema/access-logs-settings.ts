import { ACCESS_LOG_FIELDS, type AccessLogField } from "../../../components/observability/access-logs";
import { LABEL, LABEL_RULE } from "./dns-names";
import { collector } from "./collector-settings";
import { choice, flag, list, object, text, withDefault } from "./fields";
import { duration } from "./number-fields";

export const accessLogs = object(
  {
    enabled: withDefault(
      flag({ description: "Whether proxies log. Default true if the block exists." }),
      true,
    ),
    encoding: withDefault(
      choice(["json", "text"], { description: 'An object or `field="value"` pairs for each request.' }),
      "json",
    ),
    fields: list(
      choice(Object.keys(ACCESS_LOG_FIELDS) as AccessLogField[], {
        description: "A field of a line.",
      }),
      "a list of fields",
      "Fields of a line. Default: fields that show a failure and its cause, and no data of the client.",
    ).exactOptional(),
    errors: withDefault(
      flag({
        description:
          "Log requests answered with 400 and more, or not at all, and TCP connections that failed. With slowerThan either is enough; without both everything is logged.",
      }),
      false,
    ),
    slowerThan: duration("milliseconds", 1, 3_600_000, {
      description: "Log requests that took at least this long.",
      range: 'from "1ms" to "1h"',
      example: "500ms",
    }).exactOptional(),
    versions: list(
      text(LABEL, LABEL_RULE, { description: "A version.", example: "v2" }),
      "a list of versions",
      "Log requests to these versions only.",
    ).exactOptional(),
    collector: collector.exactOptional(),
  },
  "Access logs of the proxies, on their standard output, or by OTLP to a collector.",
);
