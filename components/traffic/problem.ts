/** How a plan says what is wrong with what it was given: a name and its parameters, and their words in one place. */

/** Where a value is, from the outermost key on. */
export type Path = readonly PropertyKey[];

/** What a problem says to a person. */
export interface Said {
  readonly found: string;
  readonly allowed: string;
  /** Why, or what was probably meant. */
  readonly hint?: string | undefined;
  /** What repairs it where no change of a single value does; alternatives when there are several. */
  readonly advice?: string | readonly string[] | undefined;
}

/** The words of one kind of problem. `code` never changes, and is never given to another kind. */
export interface Message<Params> {
  readonly code: string;
  readonly say: (params: Params) => Said;
}

export const message = <Params = object>(code: string, say: (params: Params) => Said): Message<Params> => ({
  code,
  say,
});

/** A change that alone repairs a problem. */
export type Repair =
  /** Set a value; `example` says that it is only an example of what is allowed. `at` is the problem's path when absent. */
  | { readonly set: string | number | boolean; readonly at?: Path; readonly example?: true }
  /** Remove the value at a path. */
  | { readonly remove: Path }
  /** One after the other. */
  | { readonly steps: readonly Repair[] };

type Messages = Readonly<Record<string, Message<never>>>;

/** The parameters of the words of `N`. */
export type ParamsOf<M extends Messages, N extends keyof M> = Parameters<M[N]["say"]>[0];

/** Something wrong, by one of the kinds that `M` has words for. */
export type ProblemOf<M extends Messages> = {
  [N in keyof M & string]: {
    readonly name: N;
    readonly path: Path;
    readonly params: ParamsOf<M, N>;
    /** Changes of which each alone would repair it. */
    readonly repairs: readonly Repair[];
  };
}[keyof M & string];

/** A function that makes problems of the kinds that `M` has words for. */
export const problemsBy =
  <M extends Messages>() =>
  <N extends keyof M & string>(
    name: N,
    path: Path,
    params: ParamsOf<M, N>,
    ...repairs: readonly Repair[]
  ): ProblemOf<M> => ({ name, path, params, repairs });
