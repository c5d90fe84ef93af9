/** A failure for the user: what was found, what to do, which log to read. It is printed without a stack trace. */
export class Fault extends Error {
  override readonly name = "Fault";
}

/** A line of advice if `text`, the message of any program, reports a full disk; otherwise nothing. */
export function diskAdvice(message: string): readonly string[] {
  return /\bENOSPC\b|no space left on device/i.test(message)
    ? ["A disk is full: free some space and repeat the command."]
    : [];
}

/** The message of a thrown value; the stack trace if it is not a known kind of failure. */
export function describe(error: unknown): string {
  if (error instanceof Fault) return error.message;
  if (error instanceof Error) {
    const advice = diskAdvice(error.message);
    if (advice.length > 0) return [error.message, ...advice].join("\n");
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
