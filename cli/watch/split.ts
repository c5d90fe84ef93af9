/** The route that a command is about. Pure. */
import { writtenMetrics } from "../../components/observability/route-metrics";
import { splitOf, type Split } from "../../components/observability/route-split";
import { ofKind, type WithSpec } from "../diff/istio-objects";
import { qualifiedName, type KubernetesObject } from "../side";
import { SourceError } from "../sources/source-error";

type VirtualService = ReturnType<typeof ofKind<"VirtualService">>[number];

/**
 * The VirtualService that is meant.
 *
 * @param name `namespace/name`, or a name that only one namespace has. Default: the only one with a split, or the only one that says which Prometheus counts it.
 * @throws SourceError where there is none, or more than one.
 */
export function chosenRoute(
  objects: readonly KubernetesObject[],
  name: string | undefined,
): { readonly object: WithSpec<VirtualService["spec"]>; readonly split: Split } {
  const all = ofKind(objects, "VirtualService").flatMap((object) => {
    const split = splitOf(object);
    return split ? [{ object, split }] : [];
  });
  const named = all.filter(
    ({ object }) => name === undefined || [qualifiedName(object), object.metadata.name].includes(name),
  );
  const counted = named.filter(({ object }) => writtenMetrics(object.metadata.annotations));
  const [found, ...more] = counted.length === 1 ? counted : named;
  if (found && more.length === 0) return found;
  const there = all.map(({ object }) => qualifiedName(object)).join(", ");
  throw new SourceError(
    `VirtualService: found ${name ?? (all.length === 0 ? "none with versions" : "more than one with versions")}\n` +
      `  allowed: ${there === "" ? "one with a rule that sends requests to subsets" : `one of ${there}`}`,
  );
}
