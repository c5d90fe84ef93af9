/** What is wrong with policies, in words that do not depend on where they were written. */
export interface PolicyProblem {
  /** The value that it concerns, from the name of the policy on: `["retries", "attempts"]`. */
  readonly path: readonly string[];
  readonly found: string;
  readonly allowed: string;
  readonly hint?: string;
  /** Whether it says that a key is missing. */
  readonly missing?: true;
  /** Changes of which each alone would repair it. */
  readonly repairs: readonly PolicyRepair[];
}

export type PolicyRepair =
  | {
      readonly path: readonly string[];
      readonly set: string | number | boolean;
      /** The value is only an example of what is allowed. */
      readonly example?: true;
    }
  | { readonly remove: readonly string[] }
  /** A sentence, where no single value does it. */
  | { readonly say: string };
