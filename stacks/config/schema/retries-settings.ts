import { z } from "zod";
import {
  RETRIABLE_STATUS_CODES,
  RetryCondition,
  UNSEEN,
  type Retries,
} from "../../../components/traffic/retries";
import { didYouMean } from "../report/words";
import { field, flag, list, object, orNone, refuse, refuseAs, type Refused } from "./fields";
import { duration, integer, numeric } from "./number-fields";

const CONDITIONS = Object.values(RetryCondition);

export const timeout = z
  .union([
    duration("milliseconds", 1, 3_600_000, {
      description: "Longest time that a request may take, retries included; then the answer is 504.",
      range: 'from "1ms" to "1h", or none',
      example: "10s",
    }),
    field((value) => (value === "none" ? ("none" as const) : refuse()), {
      title: "none",
      const: "none",
      description: '"none" switches an inherited value off.',
    }),
  ])
  .meta({
    title: 'a duration from "1ms" to "1h", or none',
    description:
      "Time limit of a request, including retries. After it, the client gets 504. Default: no limit, since the right one depends on the service.",
    examples: ["10s"],
  });

const condition = field(
  (value): RetryCondition | number | Refused => {
    if (CONDITIONS.includes(value as RetryCondition)) return value as RetryCondition;
    const code = numeric(value);
    if (code !== undefined && RETRIABLE_STATUS_CODES.includes(code)) return code;
    const near = typeof value === "string" ? didYouMean(value, CONDITIONS) : undefined;
    return near === undefined ? refuse() : refuseAs("valueRefused", { meant: near }, { set: near });
  },
  {
    title: `${CONDITIONS.join(", ")}, or the code of an error`,
    anyOf: [
      { enum: CONDITIONS },
      { enum: [...RETRIABLE_STATUS_CODES, ...RETRIABLE_STATUS_CODES.map(String)] },
    ],
    description: "A condition by its Istio name, or the status code of an answer.",
    example: "gateway-error",
  },
);

export const retries = orNone(
  object(
    {
      attempts: integer(1, 10, {
        description: "How often a request is tried again after its first try.",
        example: 2,
      }),
      perTryTimeout: duration("milliseconds", 1, 3_600_000, {
        description:
          "Time limit of each try, including the first. A try that exceeds it is repeated only with gateway-error, reset or 5xx.",
        range: 'from "1ms" to "1h"',
        example: "2s",
      }).exactOptional(),
      on: list(
        condition,
        "a list of conditions, each once",
        `Conditions; default ${UNSEEN.join(", ")}. Under any other the service may have done its work: only GET, HEAD and OPTIONS are tried again, unless writes is true.`,
      ).exactOptional(),
      writes: flag({
        description:
          "Try requests by every method again under every condition of `on`, although a write may then be done twice. Default false.",
      }).exactOptional(),
    },
    "When a request is tried again.",
  )
    .transform(({ perTryTimeout, ...rest }): Retries => ({
      ...rest,
      ...(perTryTimeout !== undefined && { perTryTimeoutMs: perTryTimeout }),
    }))
    .meta({ required: ["attempts"] }),
  "an object with attempts, perTryTimeout, on, writes",
  "Retries of a request. Default, as in Istio: two, if the service cannot have seen the request.",
);
