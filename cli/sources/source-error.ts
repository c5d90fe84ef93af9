/** What a user can repair: printed as it is, without a stack trace. */
export class SourceError extends Error {
  override readonly name = "SourceError";
}

/** The text of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
