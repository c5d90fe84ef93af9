import { admin, database } from "./database-settings";
import { hostOf, LABEL, LABEL_RULE, HOST_NAME } from "./dns-names";
import { imageReference } from "./image-reference";
import { namespace } from "./namespace-settings";
import { autoscaler, resources } from "./pod-settings";
import { choice, field, list, map, object, path, refuse, refuseAs, text, withDefault } from "./fields";
import { duration, integer } from "./number-fields";

const version = object(
  {
    image: field(
      (value) => {
        const reference = typeof value === "string" ? imageReference(value) : undefined;
        if (reference !== undefined) return value as string;
        const meant = typeof value === "string" ? value.toLowerCase().trim() : "";
        return refuse(...(imageReference(meant) === undefined ? [] : [meant]));
      },
      {
        title: "an image reference: [registry/]name[:tag][@digest], the name in lowercase",
        type: "string",
        minLength: 1,
        description: "Container image; in production with a tag other than latest, or a digest.",
        example: "registry.example.com/category-api:1.0.0",
      },
    ),
    replicas: integer(0, 1000, {
      description:
        "Pods of this version. Default 1, or `autoscaler`; 0 only where neither weights nor a rule nor a mirror send it requests.",
      example: 2,
    }).exactOptional(),
    autoscaler: autoscaler.exactOptional(),
    env: map(
      {
        pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
        allowed: "letters, digits and _, not a digit first",
        kind: "variable",
      },
      field(
        (value) => {
          if (typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value))
            return String(value);
          // The message never contains the value, since an environment often has secrets.
          return refuseAs("variableNotText", { fraction: typeof value === "number" });
        },
        {
          title: "text; a number with a fraction in quotes",
          type: ["string", "integer", "boolean"],
          description: "Value.",
        },
      ),
      "Environment variables of the container. They are stored in plain text: not for secrets.",
    ).prefault({}),
    resources: resources.exactOptional(),
    readinessPath: path("HTTP path of the readiness probe; the profile's when absent.").exactOptional(),
    livenessPath: path("HTTP path of the liveness probe; the profile's when absent.").exactOptional(),
  },
  "A version of the service: one Deployment.",
);

const host = (description: string) =>
  text(
    new RegExp(`^(\\*|(\\*\\.)?${HOST_NAME.source.slice(1, -1)})$`),
    "a host name in lowercase, without scheme and port; outside production also * or *.example.com",
    { description, example: "shop.example.com" },
    hostOf,
  );

export const category = object(
  {
    host: host("Host name that clients ask for. No wildcard in production."),
    aliases: list(
      host("A host name."),
      "a list of host names, each once",
      "Further host names that clients ask for, with the same routes; none that covers another. No wildcard in production.",
    ).default([]),
    namespace: namespace("Kubernetes namespace of the workloads.", "category"),
    port: withDefault(
      integer(1, 65535, {
        description:
          "Port on which the containers listen. Not one of the sidecar's, 15000 to 15090, nor 9464, where our own service shows its metrics. A later change interrupts the service.",
        example: 8080,
      }),
      8080,
    ),
    profile: withDefault(
      choice(["category-api", "shopizer"], {
        description:
          "Whose probes and resources are the default: this project's service, or the Shopizer image (a JVM).",
      }),
      "category-api",
    ),
    versions: map(
      { pattern: LABEL, allowed: LABEL_RULE, kind: "version" },
      version,
      "Version name → workload. At least one; names are free.",
    ).prefault({}),
    database: database.exactOptional(),
    admin: admin.exactOptional(),
    drain: withDefault(
      duration("seconds", 0, 3_600_000, {
        description: "How long a stopping pod finishes its requests.",
        range: 'from "0s" to "1h"',
        example: "25s",
      }),
      25,
      "25s",
    ),
    readyTimeout: duration("seconds", 1000, 3_600_000, {
      description:
        "Time limit for the pods of a version to get ready, after which the update fails. Default 180s, for profile shopizer 600s.",
      range: 'from "1s" to "1h"',
      example: "180s",
    }).exactOptional(),
  },
  "The category API and its versions.",
).meta({ required: ["host", "versions"] });
