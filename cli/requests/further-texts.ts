/** Texts for derived requests beside those that conditions name. */
import type { SimulatedPlan } from "../../components/simulator";
import type { Dimension, Surroundings } from "./assignment";
import type { Scenario } from "./constraints";
import { listening } from "./route-scenarios";

/** Beside what conditions name: what none of them is likely to name. */
export function otherTexts(
  plans: readonly SimulatedPlan[],
  scenarios: readonly Scenario[],
  { trustedProxies }: Surroundings,
): ReadonlyMap<Dimension, readonly string[]> {
  const hosts = scenarios.flatMap(({ constraints }) =>
    constraints.flatMap(({ dimension, samples }) => (dimension === "host" ? samples : [])),
  );
  return new Map<Dimension, readonly string[]>([
    ["method", ["GET", "POST", "OPTIONS", "PROPFIND"]],
    ["path", ["/", "/other"]],
    [
      "host",
      [
        "other.example",
        ...hosts.flatMap((host) => [`${host.replace(/:\d+$/, "")}:8080`, host.toUpperCase()]),
      ],
    ],
    ["listener", plans.flatMap(listening).map(({ listener }) => listener)],
    ["client", ["198.18.0.1", ...(trustedProxies > 0 ? ["unknown"] : [])]],
  ]);
}

/**
 * What is tried whatever conditions say of it: an origin that no rule knows, what a trusted proxy says of the scheme, and, where the
 * sides normalize paths differently, other spellings of each path.
 */
export function keptTexts(
  [before, after]: readonly [SimulatedPlan, SimulatedPlan],
  scenarios: readonly Scenario[],
  { trustedProxies }: Surroundings,
): ReadonlyMap<Dimension, readonly string[]> {
  const kept = new Map<Dimension, readonly string[]>([["origin", ["https://other.example"]]]);
  if (trustedProxies > 0) kept.set("proto", ["http", "https"]);
  if (before.pathNormalization !== after.pathNormalization) kept.set("path", bentPaths(scenarios));
  return kept;
}

function bentPaths(scenarios: readonly Scenario[]): string[] {
  const paths = new Set(
    scenarios.flatMap(({ constraints }) =>
      constraints.flatMap(({ dimension, samples }) => (dimension === "path" ? samples.slice(0, 1) : [])),
    ),
  );
  return [...paths]
    .slice(0, 40)
    .flatMap((path) => [
      ...[`/${path}`, `/x/..${path}`, path.replace(/(?<=.)\//, "%2F"), path.replace(/(?<=.)\//, "//")],
      path.replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    ]);
}
