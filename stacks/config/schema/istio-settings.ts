import { chartSource } from "./chart-source";
import { LABEL, LABEL_RULE } from "./dns-names";
import { IMAGE_TAG, imageReference, isImageHub } from "./image-reference";
import {
  ISTIO_VERSIONS,
  istioVersionIsKnown,
  istioVersionIsNewer,
  knownIstioVersion,
  SUPPORTED_ISTIO,
} from "./istio-versions";
import { namespace } from "./namespace-settings";
import { autoscaler, resources } from "./pod-settings";
import { field, flag, freeForm, object, refuse, refuseAs, text, withDefault } from "./fields";
import { integer } from "./number-fields";

export const istio = object(
  {
    install: withDefault(
      flag({
        description:
          "Whether this program installs Istio. With false, Istio has another owner: this program does not change it, reads and checks its version, and refuses settings that only the owner may change.",
      }),
      true,
    ),
    namespace: namespace("Namespace of istiod, the root namespace of the mesh.", "istio-system"),
    version: withDefault(
      field(
        (value) => {
          if (typeof value === "string" && istioVersionIsKnown(value)) return value;
          const meant = knownIstioVersion(String(value));
          return typeof value === "string" && istioVersionIsNewer(value)
            ? refuseAs("istioVersionNewer", {}, { set: meant })
            : refuse(meant);
        },
        {
          title: ISTIO_VERSIONS,
          type: "string",
          pattern: "^\\d+\\.\\d+\\.\\d+$",
          description: "Version of Istio's charts and images.",
        },
      ),
      SUPPORTED_ISTIO,
    ),
    hub: field(
      (value) => {
        if (typeof value === "string" && isImageHub(value)) return value;
        const name = typeof value === "string" ? imageReference(value)?.name : undefined;
        return refuse(...(name === undefined ? [] : [name]));
      },
      {
        title: "a registry host and path without tag, such as registry.example.com/istio",
        type: "string",
        description: "Registry of Istio's images. Default: Istio's registry.",
        example: "registry.example.com/istio",
      },
    ).exactOptional(),
    tag: text(IMAGE_TAG, 'an image tag: letters, digits, "_", "." and "-"', {
      description: "Tag of Istio's images; the charts' own when absent.",
      example: SUPPORTED_ISTIO,
    }).exactOptional(),
    charts: withDefault(
      chartSource("`base`, `istiod` and `gateway`", "https://blob.istio.io/istio-release/charts"),
      { repository: "https://blob.istio.io/istio-release/charts" },
      "https://blob.istio.io/istio-release/charts",
    ),
    revision: text(LABEL, LABEL_RULE, {
      description:
        "Revision of the control plane, or with `install: false` also a revision tag; the default revision when absent.",
      example: "canary",
    }).exactOptional(),
    controlPlane: object(
      {
        replicas: integer(1, 100, {
          description: "Pods of istiod. Default 1, or `autoscaler`.",
          example: 2,
        }).exactOptional(),
        autoscaler: autoscaler.exactOptional(),
        resources: resources.exactOptional(),
      },
      "istiod.",
    ).prefault({}),
    values: object(
      {
        base: freeForm("Values for chart base.").exactOptional(),
        istiod: freeForm("Values for chart istiod.").exactOptional(),
        gateway: freeForm("Values for chart gateway.").exactOptional(),
      },
      "Helm values that are merged last over everything this program decides. Not checked.",
    ).prefault({}),
  },
  "The Istio installation.",
);
