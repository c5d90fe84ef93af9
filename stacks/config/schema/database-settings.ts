import { SUBDOMAIN } from "./dns-names";
import { imageReference } from "./image-reference";
import { resources } from "./pod-settings";
import { field, object, refuse, refuseAs, text, withDefault } from "./fields";
import { quantity } from "./number-fields";

const secret = (description: string, example: string) =>
  field(
    (value) => {
      if (typeof value !== "string" || value === "") return refuse();
      // The message never contains the value, which may be the secret itself.
      return SUBDOMAIN.test(value) ? value : refuseAs("secretNameRefused", {});
    },
    {
      title: "the name of a Kubernetes Secret",
      type: "string",
      pattern: SUBDOMAIN.source,
      description,
      example,
    },
  );

export const database = object(
  {
    url: object(
      {
        secret: secret("Secret in the namespace of the workloads.", "shop-database"),
        key: withDefault(
          text(/^[\w.-]{1,253}$/, "a key of a Secret", {
            description: "Key in it: postgres://<user>:<password>@<host>:<port>/<database>.",
            example: "url",
          }),
          "url",
        ),
      },
      "A PostgreSQL of your own: where its URL is kept. The URL itself holds a password and belongs in no stack file.",
    ).exactOptional(),
    server: object(
      {
        image: field(
          (value) => {
            const { tag, digest } = (typeof value === "string" ? imageReference(value) : undefined) ?? {};
            return (tag ?? digest) === undefined ? refuse() : (value as string);
          },
          {
            title: "an image with a tag or a digest, such as docker.io/library/postgres:17.6",
            type: "string",
            description:
              "Image with the interface of Docker's official postgres, Debian variant; postgres:17.6 when absent.",
            example: "docker.io/library/postgres:17.6",
          },
        ).exactOptional(),
        volume: object(
          {
            size: quantity("storage", { description: "Size of the persistent volume.", example: "10Gi" }),
            storageClass: text(SUBDOMAIN, "the name of a StorageClass", {
              description: "Class of the volume; the cluster's default when absent.",
              example: "standard",
            }).exactOptional(),
          },
          "Persistent volume; without it the data end with the pod. Needed in production.",
        ).exactOptional(),
        resources: resources.exactOptional(),
      },
      "A PostgreSQL in the cluster: one pod, with a generated password.",
    ).exactOptional(),
  },
  "PostgreSQL that all versions share; without it each pod has a database of its own in memory, and nothing is kept.",
);

export const admin = object(
  {
    secret: secret(
      "Secret in the namespace of the workloads with the keys password (of admin@shopizer.com, 12 characters or more) and jwt-secret (64 or more).",
      "category-admin",
    ),
  },
  "Login of administrators, who may change categories; without it nobody may.",
);
