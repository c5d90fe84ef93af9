import type { Weight } from "../../components/traffic/weights";
import { LABEL, LABEL_RULE } from "./dns";
import { field, map, numeric, refuse } from "./fields";
import { didYouMean } from "./problem";

/** Version → percent or "rest". */
export const weights = (description: string) =>
  map(
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
    description,
  ).meta({ examples: [{ v1: "rest", v2: 20 }] });
