import { durationText, type TrafficProblem } from "../../../components/traffic/traffic-messages";
import type { Path, Problem, Repair } from "../report/catalogue";

/** Argument of the package → key of the stack file, where the two differ. */
const WRITTEN: Readonly<Record<string, string>> = { perTryTimeoutMs: "perTryTimeout", timeoutMs: "timeout" };

/** A problem of the package with its path in the stack file. `base` returns the path that precedes a given one. */
export function located(found: TrafficProblem, base: (path: Path) => Path): Problem {
  const at = (path: Path): Path => {
    // In a stack file, actions and policies are keys of the rule itself.
    const written = path
      .filter((key) => key !== "policies" && key !== "action")
      .map((key) => WRITTEN[String(key)] ?? key);
    return [...base(written), ...written];
  };
  return { ...found, path: at(found.path), repairs: found.repairs.map((repair) => moved(repair, at)) };
}

function moved(repair: Repair, at: (path: Path) => Path): Repair {
  if ("steps" in repair) return { steps: repair.steps.map((step) => moved(step, at)) };
  if ("remove" in repair) return { remove: at(repair.remove) };
  if (repair.at === undefined) return repair;
  const { set } = repair;
  const isTime = String(repair.at.at(-1)) in WRITTEN;
  return { ...repair, at: at(repair.at), set: typeof set === "number" && isTime ? durationText(set) : set };
}
