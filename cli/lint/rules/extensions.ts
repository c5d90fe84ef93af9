/** EnvoyFilters and Telemetries. */
import type { Mesh } from "../mesh";
import type { Found, Rule } from "../rule";

interface Patch {
  readonly applyTo: string;
  readonly operation: string;
  readonly priority: number;
}

function* eachPatch(mesh: Mesh, problem: (patch: Patch) => string | undefined): Iterable<Found> {
  for (const { object, spec } of mesh.all("EnvoyFilter"))
    for (const [i, { applyTo = "", patch }] of (spec.configPatches ?? []).entries()) {
      const operation = patch?.operation ?? "";
      const message = problem({ applyTo, operation, priority: spec.priority ?? 0 });
      if (message !== undefined) yield { object, field: `spec.configPatches[${i}].patch.operation`, message };
    }
}

/** Whether Istio leaves a patch out. */
const isIgnored = ({ applyTo, operation }: Patch): boolean =>
  operation === "REPLACE"
    ? !["NETWORK_FILTER", "HTTP_FILTER", "VIRTUAL_HOST"].includes(applyTo)
    : /^(ADD|REMOVE)$/.test(operation) && ["ROUTE_CONFIGURATION", "HTTP_ROUTE"].includes(applyTo);

/** Whether Istio's own telemetry, or a Release of Istio, says where access logs go by default. */
const hasDefaultLogs = (mesh: Mesh): boolean =>
  mesh.all("Release").some(({ spec }) => JSON.stringify(spec.values ?? {}).includes("defaultProviders"));

export const EXTENSION_RULES: readonly Rule[] = [
  {
    code: "SL801",
    level: "high",
    title: "a patch that Istio leaves out",
    why: "ADD and REMOVE do not act on routes, and REPLACE acts on filters and virtual hosts only.",
    fix: "Use MERGE, or apply the patch to something else.",
    like: ["IST0152", "IST0153", "IST0154"],
    check: (mesh) =>
      eachPatch(mesh, (patch) =>
        isIgnored(patch) ? `${patch.operation} does not act on ${patch.applyTo}.` : undefined,
      ),
  },
  {
    code: "SL802",
    level: "low",
    title: "a patch that depends on the order of others",
    why: "Without a priority, patches are applied in the order of creation. What this one refers to may not be there yet.",
    fix: "Set a priority, or use INSERT_FIRST or ADD.",
    like: ["IST0151", "IST0155"],
    check: (mesh) =>
      eachPatch(mesh, (patch) =>
        /^(REMOVE|REPLACE|INSERT_BEFORE|INSERT_AFTER)$/.test(patch.operation) &&
        patch.priority === 0 &&
        !isIgnored(patch)
          ? `${patch.operation} without a priority.`
          : undefined,
      ),
  },
  {
    code: "SL811",
    level: "medium",
    title: "access logs without a place to go",
    why: "Istio leaves an accessLogging without providers out, unless the mesh has default providers.",
    fix: "Name a provider, such as envoy.",
    like: ["IST0157"],
    *check(mesh) {
      if (hasDefaultLogs(mesh)) return;
      for (const { object, spec } of mesh.all("Telemetry"))
        for (const [i, { disabled, providers = [] }] of (spec.accessLogging ?? []).entries())
          if (!disabled && providers.length === 0)
            yield { object, field: `spec.accessLogging[${i}]`, message: "It names no provider." };
    },
  },
];
