/** A failure whose message is all that the user needs: what was found, what to do, which log to read. It is printed without a stack. */
export class Fault extends Error {
  override readonly name = "Fault";
}

/** The message of whatever was thrown; the stack of anything that nobody foresaw. */
export function describe(error: unknown): string {
  if (error instanceof Fault) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
