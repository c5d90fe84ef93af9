import { SCRAPE_INTERVAL_SECONDS } from "../../../components/observability/queries";
import { installed, volume } from "./chart-settings";
import { object, text, withDefault } from "./fields";
import { duration } from "./number-fields";

export const prometheus = object(
  {
    ...installed("prometheus"),
    retention: withDefault(
      text(/^[1-9]\d*[hdwy]$/, 'a time such as "12h", "15d" or "4w"', {
        description: "How long samples are kept.",
        example: "15d",
      }),
      "15d",
    ),
    storage: object(
      volume,
      "A persistent volume, of which samples take four fifths at most; without one they are lost with the pod.",
    ).exactOptional(),
    interval: withDefault(
      duration("seconds", 1000, 300_000, {
        description: "Time between two scrapes of a target and two evaluations of a rule.",
        range: 'from "1s" to "5m"',
        example: `${SCRAPE_INTERVAL_SECONDS}s`,
      }),
      SCRAPE_INTERVAL_SECONDS,
      `${SCRAPE_INTERVAL_SECONDS}s`,
    ),
  },
  "Prometheus, with recording rules and alerts for every version; not installed when absent.",
);
