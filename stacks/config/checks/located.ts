import { durationText, type TrafficProblem } from "../../../components/traffic/traffic-messages";
import type { Path, Problem, Repair } from "../report/catalogue";

/** How the package calls what a stack file calls otherwise. */
const WRITTEN: Readonly<Record<string, string>> = { perTryTimeoutMs: "perTryTimeout", timeoutMs: "timeout" };

/** A problem of the package where a stack file has what it is about; `base` gives the place of what has that path. */
export function located(found: TrafficProblem, base: (path: Path) => Path): Problem {
  const at = (path: Path): Path => {
    // Actions and policies stand in a rule itself.
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
