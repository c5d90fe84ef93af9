import { SECRET_HEADERS } from "../../../components/observability/tracing";
import { LABEL, LABEL_RULE, SUBDOMAIN } from "./dns-names";
import { collector } from "./collector-settings";
import { choice, field, map, object, refuse, refuseAs, text, withDefault } from "./fields";
import { percent } from "./number-fields";

const HEADER = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const header = field(
  (value) => {
    const name = typeof value === "string" ? value.toLowerCase() : "";
    if (SECRET_HEADERS.includes(name)) return refuseAs("tagHeaderSecret", {});
    return HEADER.test(name) ? name : refuse();
  },
  {
    title: "the name of a request header",
    type: "string",
    description: "Request header whose value becomes the tag.",
    example: "x-tenant",
  },
);

const plain = (description: string, example: string) =>
  text(/^\S(.*\S)?$/, "text that is not empty", { description, example });

const tags = map(
  { pattern: /^[A-Za-z_][\w.-]*$/, allowed: 'letters, digits, "_", "." and "-"', kind: "tag" },
  object(
    {
      value: plain("Fixed value.", "production").exactOptional(),
      header: header.exactOptional(),
      environment: text(/^[A-Za-z_]\w*$/, "the name of an environment variable", {
        description: "Environment variable of the proxy whose value becomes the tag.",
        example: "POD_NAME",
      }).exactOptional(),
      default: plain("Value where header or variable is absent.", "unknown").exactOptional(),
    },
    "A tag: one of `value`, `header` and `environment`.",
  ),
  "Name → tag of every span.",
);

const sampling = percent({
  description: "Percent of the requests that start a trace. 0 reports nothing, whatever a caller asks for.",
  example: 10,
});

export const tracing = object(
  {
    provider: withDefault(
      choice(["jaeger", "zipkin", "datadog", "lightstep", "otlp", "none"], {
        description: "Who gets the spans of the proxies.",
      }),
      "none",
    ),
    sampling: withDefault(sampling, 1),
    collector: collector.exactOptional(),
    token: object(
      {
        secret: text(SUBDOMAIN, "the name of a Kubernetes Secret", {
          description: "Secret in the control plane's namespace.",
          example: "tracing-token",
        }),
        key: withDefault(
          text(/^[\w.-]{1,253}$/, "a key of a Secret", { description: "Key in it.", example: "token" }),
          "token",
        ),
        header: text(HEADER, "the name of a header, in lower case", {
          description:
            "Header that carries it, as it is written in the Secret. Default: lightstep-access-token for lightstep, else authorization.",
          example: "x-token",
        }).exactOptional(),
      },
      "Access token for the collector, with lightstep (needed) and otlp.",
    ).exactOptional(),
    tags: tags.exactOptional(),
    namespaces: map(
      { pattern: LABEL, allowed: LABEL_RULE, kind: "namespace" },
      object(
        { sampling: sampling.exactOptional(), tags: tags.exactOptional() },
        "What is different in a namespace.",
      ),
      "Namespace → what is different there. A request's trace starts at the first proxy, most often the gateway in `istio-ingress`.",
    ).exactOptional(),
  },
  "Traces of requests through the proxies.",
);
