import { flag, object, orNone } from "./fields";
import { duration, integer, percent } from "./number-fields";

const share = percent({ description: "Share of the requests.", example: 10 });

export const fault = orNone(
  object(
    {
      delay: object(
        {
          fixedDelay: duration("milliseconds", 1, 3_600_000, {
            description: "How long a request is held back.",
            range: 'from "1ms" to "1h"',
            example: "2s",
          }),
          percent: share,
        },
        "Holds requests back before a version gets them.",
      )
        .transform(({ fixedDelay, ...rest }) => ({ ...rest, fixedDelayMs: fixedDelay }))
        .meta({ required: ["fixedDelay", "percent"] })
        .exactOptional(),
      abort: object(
        {
          httpStatus: integer(200, 599, { description: "Status of the answer.", example: 503 }),
          percent: share,
        },
        "Answers requests instead of a version.",
      )
        .meta({ required: ["httpStatus", "percent"] })
        .exactOptional(),
      allowInProduction: flag({
        description: "Allows faults where shopzier:production is true. Default false.",
      }).exactOptional(),
    },
    "Faults made on purpose: at least one of delay and abort.",
  ),
  "an object with delay, abort, allowInProduction",
  "Injected faults, to test the clients.",
);
