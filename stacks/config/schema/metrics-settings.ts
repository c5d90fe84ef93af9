import { ISTIO_METRICS } from "../../../components/observability/metrics";
import { SECRET_HEADERS } from "../../../components/observability/tracing";
import { LABEL, LABEL_RULE } from "./dns-names";
import { choice, field, list, map, object, refuse, refuseAs, text, withDefault } from "./fields";

/** A CEL expression with its literals blanked, and `a['b']` as `a.b`. */
const bare = (expression: string): string =>
  expression
    .replace(/\s*\[\s*(['"])([^'"]*)\1\s*\]/g, ".$2")
    .replace(/'[^']*'|"[^"]*"/g, "''")
    .replace(/\s*\.\s*/g, ".");
const SECRET_ATTRIBUTE = new RegExp(`\\bheaders\\.(${SECRET_HEADERS.join("|")})(?![\\w-])`, "i");
/** An attribute with unbounded values, unless it is compared, since a comparison has only two values. */
const UNBOUNDED =
  /(?<![=!<>]\s*)\b(request\.(path|url_path|query|id|time|duration|size|total_size|referer|useragent)\b|request\.headers\.(:path|user-agent|referer|traceparent|x-b3-traceid|x-envoy-original-path|x-forwarded-for|x-request-id)(?![\w-])|connection\.id\b|(source|destination)\.(address|port)\b|response\.(size|total_size)\b)(?!\s*([=!<>]|\.(startsWith|endsWith|contains|matches)\())/i;

const metricTag = field(
  (value) => {
    const expression = typeof value === "string" ? value.trim() : "";
    if (SECRET_ATTRIBUTE.test(bare(expression))) return refuseAs("tagAttributeSecret", {});
    if (UNBOUNDED.test(bare(expression))) return refuseAs("tagAttributeUnbounded", {});
    return expression === "" ? refuse() : expression;
  },
  {
    title: "a CEL expression",
    type: "string",
    description: "CEL expression over Envoy's attributes.",
    example: "request.method",
  },
);

export const metrics = object(
  {
    source: withDefault(
      choice(["istio", "envoy"], {
        description:
          "Which series rules and dashboards read: Istio's metrics, or Envoy's own for proxies without Istio's filters.",
      }),
      "istio",
    ),
    tags: map(
      { pattern: /^[a-z_][a-z0-9_]*$/, allowed: 'lowercase letters, digits and "_"', kind: "tag" },
      metricTag,
      "Tag → CEL expression; added to every metric of Istio, or overriding one. Never one with many values, such as a path.",
    ).exactOptional(),
    remove: list(
      text(/^[a-z_][a-z0-9_]*$/, "a tag", { description: "A tag.", example: "source_principal" }),
      "a list of tags",
      "Tags that every metric of Istio loses.",
    ).exactOptional(),
    disable: list(
      choice(ISTIO_METRICS, { description: "A metric of Istio." }),
      "a list of metrics",
      "Metrics of Istio that are not made.",
    ).exactOptional(),
    operations: list(
      object(
        {
          name: text(LABEL, LABEL_RULE, { description: "Name of the class.", example: "list" }),
          method: text(
            /^[A-Z]+$/,
            "an HTTP method in capitals",
            {
              description: "Method; any when absent.",
              example: "GET",
            },
            (written) => written.toUpperCase(),
          ).exactOptional(),
          exact: text(/^\/[^\s?#]*$/, 'a path that begins with "/", without query', {
            description: "Path.",
            example: "/api/v1/category",
          }).exactOptional(),
          prefix: text(/^\/[^\s?#]*$/, 'a path that begins with "/", without query', {
            description: "Beginning of the path.",
            example: "/api/v1/category/",
          }).exactOptional(),
        },
        "Requests of one class: by exact or prefix, and method.",
      ),
      "a list of operations",
      "Classes of requests, the first that fits; their name is tag request_operation of counts and durations.",
    ).exactOptional(),
  },
  "The metrics of the proxies.",
);
