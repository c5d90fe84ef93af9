import type { Weight } from "../../components/traffic/weights";
import { LABEL, LABEL_RULE } from "./dns";
import { field, map, numeric, object, refuse } from "./fields";
import { didYouMean } from "./problem";

export const traffic = object(
  {
    weights: map(
      { pattern: LABEL, allowed: LABEL_RULE, of: "version" },
      field(
        (value): Weight | ReturnType<typeof refuse> => {
          const weight = value === "rest" ? value : numeric(value);
          if (weight !== undefined) return weight;
          const percent = typeof value === "string" ? numeric(value.replace(/\s*%$/, "")) : undefined;
          return refuse({
            ...(percent === undefined
              ? typeof value === "string" && didYouMean(value, ["rest"]) !== undefined
                ? { hint: "did you mean rest?", repairs: [{ set: "rest" }] }
                : {}
              : { hint: "the unit is always percent", repairs: [{ set: percent }] }),
          });
        },
        {
          title: 'a number from 0 to 100, or "rest"',
          anyOf: [
            { type: "number", minimum: 0, maximum: 100 },
            { const: "rest" },
            { type: "string", pattern: "^\\d+(\\.\\d{1,2})?$" },
          ],
          description: 'Percent, at most two decimals, or "rest".',
          example: 20,
        },
      ),
      'Version name → share of the requests in percent. One version may say "rest"; the sum is 100; 0 keeps a version deployed without traffic.',
    ).prefault({}),
  },
  "How requests are shared between the versions.",
).meta({ required: ["weights"] });
