/** A failure whose message is all that the user needs: what was found, what to do, which log to read. It is printed without a stack. */
export class Fault extends Error {
  override readonly name = "Fault";
}

/** The line that a message needs which tells of a full disk, whichever program it comes from; else nothing. */
export function diskAdvice(message: string): readonly string[] {
  return /\bENOSPC\b|no space left on device/i.test(message)
    ? ["A disk is full: free some space and repeat the command."]
    : [];
}

/** The message of whatever was thrown; the stack of anything that nobody foresaw. */
export function describe(error: unknown): string {
  if (error instanceof Fault) return error.message;
  if (error instanceof Error) {
    const advice = diskAdvice(error.message);
    if (advice.length > 0) return [error.message, ...advice].join("\n");
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
