/** Problems as a kind with typed parameters; the message of each kind is in one place. */

/** The keys of a value, from the outermost on. */
export type Path = readonly PropertyKey[];

/** The message of a problem. */
export interface Said {
  readonly found: string;
  readonly allowed: string;
  /** A reason, or the value that was probably meant. */
  readonly hint?: string | undefined;
  /** Repairs other than the change of one value; several are alternatives. */
  readonly advice?: string | readonly string[] | undefined;
}

/** The message of one kind of problem. `code` never changes and is never reused. */
export interface Message<Params> {
  readonly code: string;
  readonly say: (params: Params) => Said;
}

export const message = <Params = object>(code: string, say: (params: Params) => Said): Message<Params> => ({
  code,
  say,
});

/** A change that repairs a problem without another change. */
export type Repair =
  /** Set a value. `example` marks it as one of several allowed values. Default of `at`: the problem's path. */
  | { readonly set: string | number | boolean; readonly at?: Path; readonly example?: true }
  /** Remove the value at a path. */
  | { readonly remove: Path }
  /** All of these changes, in this order. */
  | { readonly steps: readonly Repair[] };

type Messages = Readonly<Record<string, Message<never>>>;

/** The parameters of the message of `N`. */
export type ParamsOf<M extends Messages, N extends keyof M> = Parameters<M[N]["say"]>[0];

/** A problem of one of the kinds that `M` has messages for. */
export type ProblemOf<M extends Messages> = {
  [N in keyof M & string]: {
    readonly name: N;
    readonly path: Path;
    readonly params: ParamsOf<M, N>;
    /** Changes, each of which repairs the problem alone. */
    readonly repairs: readonly Repair[];
  };
}[keyof M & string];

/** A function that makes problems of the kinds that `M` has messages for. */
export const problemsBy =
  <M extends Messages>() =>
  <N extends keyof M & string>(
    name: N,
    path: Path,
    params: ParamsOf<M, N>,
    ...repairs: readonly Repair[]
  ): ProblemOf<M> => ({ name, path, params, repairs });
