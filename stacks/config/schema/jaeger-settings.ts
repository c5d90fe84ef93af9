import { installed, volume } from "./chart-settings";
import { SUBDOMAIN } from "./dns-names";
import { authorities } from "./certificate-field";
import { field, object, refuse, refuseAs, text, withDefault } from "./fields";
import { duration, integer } from "./number-fields";

const searchStore = object(
  {
    url: field(
      (value) => {
        if (typeof value !== "string") return refuse();
        // A password in the URL may not be in a report.
        if (/^[a-z]+:\/\/[^/]*@/.test(value)) return refuseAs("urlWithLogin", {});
        return /^https?:\/\/[^\s/]+(\/\S*)?$/.test(value) ? value : refuse();
      },
      {
        title: "an http or https URL without a login",
        type: "string",
        pattern: "^https?://[^\\s/@]+(/\\S*)?$",
        description: "Where it listens.",
        example: "https://search.example.com:9200",
      },
    ),
    credentials: text(SUBDOMAIN, "the name of a Kubernetes Secret", {
      description: "Secret in Jaeger's namespace with keys `username` and `password`.",
      example: "search-login",
    }).exactOptional(),
    ca: authorities(
      "Authorities that may have issued its certificate, with an https URL. Default: the public ones, as Jaeger's image has them.",
    ).exactOptional(),
  },
  "A search store for traces.",
);

export const jaeger = object(
  {
    ...installed("jaeger"),
    memory: object(
      {
        maxTraces: integer(1, 10_000_000, {
          description: "Traces that are kept; the oldest go first.",
          example: 50_000,
        }),
      },
      "Keep traces in memory: the default, with 50000 traces.",
    ).exactOptional(),
    badger: object(
      {
        ...volume,
        keep: withDefault(
          duration("seconds", 3_600_000, 365 * 86_400_000, {
            description: "Retention time of a trace, in whole hours.",
            range: 'from "1h" to "8760h"',
            example: "72h",
          }),
          72 * 3600,
          "72h",
        ),
      },
      "Keep traces in files on a persistent volume.",
    ).exactOptional(),
    elasticsearch: searchStore.exactOptional(),
    opensearch: searchStore.exactOptional(),
  },
  "Jaeger; not installed when absent.",
);
