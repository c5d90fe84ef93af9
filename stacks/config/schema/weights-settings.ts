import { PERCENT_DECIMALS, PERCENT_TEXT } from "../../../components/traffic/percent";
import type { Weight } from "../../../components/traffic/weights";
import { LABEL, LABEL_RULE } from "./dns-names";
import { didYouMean } from "../report/words";
import { field, map, refuse, refuseAs, type Refused } from "./fields";
import { numeric } from "./number-fields";

/** Version → percent or "rest". */
export const weights = (description: string) =>
  map(
    { pattern: LABEL, allowed: LABEL_RULE, kind: "version" },
    field(
      (value): Weight | Refused => {
        const weight = value === "rest" ? value : numeric(value);
        if (weight !== undefined) return weight;
        const percent = typeof value === "string" ? numeric(value.replace(/\s*%$/, "")) : undefined;
        if (percent !== undefined) return refuseAs("percentSign", {}, { set: percent });
        const meant = typeof value === "string" && didYouMean(value, ["rest"]);
        return meant ? refuseAs("valueRefused", { meant }, { set: meant }) : refuse();
      },
      {
        title: 'a number from 0 to 100, or "rest"',
        anyOf: [
          { type: "number", minimum: 0, maximum: 100 },
          { const: "rest" },
          { type: "string", pattern: PERCENT_TEXT },
        ],
        description: `Percent, at most ${PERCENT_DECIMALS} decimals, or "rest".`,
        example: 20,
      },
    ),
    description,
  ).meta({ examples: [{ v1: "rest", v2: 20 }] });
