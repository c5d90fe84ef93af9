import type { Findings, IstioPart } from "./examine";
import type { Right } from "./rights";

/** The findings for people. */
export function doctorText(findings: Findings): string {
  const { context, server, kubernetes, controlPlanes, gateways, missingRights, foreign } = findings;
  const { missingNamespaces, notLookedAt } = findings;
  return [
    `context:        ${context} (${server})`,
    `Kubernetes:     ${kubernetes}`,
    `control planes: ${istio(controlPlanes)}`,
    `gateways:       ${istio(gateways)}`,
    `rights:         ${missingRights.length === 0 ? "all that the stack needs" : "these are missing"}`,
    ...missingRights.map((right) => `  - ${words(right)}`),
    `exists already: ${foreign.length === 0 ? "nothing of others that the stack would make" : "these objects have not the mark of this stack; `pulumi preview` refuses those that are not in its state"}`,
    ...foreign.map(({ object, owner }) => `  - ${object}: ${owner}`),
    ...(missingNamespaces.length === 0
      ? []
      : ["does not exist: namespaces that the stack uses and does not create"]),
    ...missingNamespaces.map((name) => `  - ${name}`),
    ...(notLookedAt.length === 0 ? [] : ["not looked at:"]),
    ...notLookedAt.map((one) => `  - ${one}`),
    "",
  ].join("\n");
}

function istio(parts: readonly IstioPart[] | string): string {
  if (typeof parts === "string") return `not known: ${parts}`;
  const each = parts.map(
    (part) => `${part.namespace}/${part.name} ${part.version} (revision ${part.revision})`,
  );
  return each.join(", ") || "none";
}

const words = ({ verb, resource, subresource, group, namespace }: Right): string =>
  `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}${group === "" ? "" : `.${group}`}` +
  (namespace === undefined ? "" : ` in namespace ${namespace}`);
