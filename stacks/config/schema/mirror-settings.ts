import { LABEL, LABEL_RULE } from "./dns-names";
import { flag, object, orNone, text } from "./fields";
import { percent } from "./number-fields";

export const mirror = orNone(
  object(
    {
      to: text(LABEL, LABEL_RULE, { description: "Version that gets the copies.", example: "v2" }),
      percent: percent({
        description: "Share of the requests that is copied. Default 100.",
        example: 10,
      }).exactOptional(),
      writes: flag({
        description:
          "Copy requests by every method, and not only GET, HEAD and OPTIONS: versions that share a database write twice. Default false.",
      }).exactOptional(),
    },
    "Copies of requests for a version to be tried on.",
  ).meta({ required: ["to"] }),
  "an object with to, percent, writes",
  "Copies requests to a version. Clients get the answer to their own request and do not wait for the copy.",
);
