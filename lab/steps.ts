import { Listr } from "listr2";
import { endInterruption, throwIfInterrupted } from "./command";
import { describe, Fault } from "./fault";

/** Takes the current part of some work: a text, or what gives the text of the moment. */
export type Report = (text: string | (() => string)) => void;

/** One named part of a lab command. */
export interface Step {
  readonly name: string;
  /** Does the work; calls `report` with its current part. */
  run(report: Report): Promise<void>;
  /** Cleans up after a failed or interrupted `run`. */
  undo?(): Promise<void>;
}

/** Time since `start` (milliseconds), as readable text. */
function elapsed(start: number): string {
  const seconds = (Date.now() - start) / 1000;
  return seconds < 100
    ? `${seconds.toFixed(1)} s`
    : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/**
 * Runs steps in order and stops at the first that fails. Prints a live list in a terminal, otherwise a line per event.
 * @param quiet Milliseconds without a line after which one says, without a terminal, what still goes on. Logs of CI show then that it lives.
 */
export async function runSteps(steps: readonly Step[], quiet = 15_000): Promise<void> {
  const numbered = steps.map((step, index) => ({
    step,
    title: `step ${index + 1} of ${steps.length}, ${step.name}`,
  }));
  if (process.stdout.isTTY) {
    await new Listr(
      numbered.map(({ step, title }) => ({
        title,
        task: async (_, task): Promise<void> => {
          const start = Date.now();
          let part: () => string = () => "";
          const tick = setInterval(() => {
            task.title = `${title}, ${elapsed(start)}`;
            task.output = part();
          }, 1000);
          await attempt(step, (text) => {
            part = typeof text === "string" ? () => text : text;
            task.output = part();
          }).finally(() => {
            clearInterval(tick);
          });
          task.title = `${title}, ${elapsed(start)}`;
        },
      })),
      { registerSignalListeners: false, rendererOptions: { showErrorMessage: false, collapseErrors: false } },
    ).run();
    return;
  }
  for (const { step, title } of numbered) {
    const start = Date.now();
    let last = (): string => title;
    console.log(title);
    const still = setInterval(() => {
      console.log(`${last()}, still at it, ${elapsed(start)}`);
    }, quiet);
    await attempt(step, (text) => {
      last = () => `${title}: ${typeof text === "string" ? text : text()}`;
      console.log(`${last()}, ${elapsed(start)}`);
      still.refresh();
    }).finally(() => {
      clearInterval(still);
    });
    console.log(`${title}, done, ${elapsed(start)}`);
  }
}

async function attempt(step: Step, report: Report): Promise<void> {
  try {
    throwIfInterrupted();
    await step.run(report);
    throwIfInterrupted();
  } catch (error) {
    const message = endInterruption()
      ? `Interrupted in "${step.name}". The same command goes on from there.`
      : `"${step.name}" failed: ${describe(error)}`;
    try {
      await step.undo?.();
    } catch (left) {
      throw new Fault(`${message}\nTidying up failed as well: ${describe(left)}`);
    }
    throw new Fault(message);
  }
}
