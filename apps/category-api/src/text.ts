/** PostgreSQL keeps no NUL, and half of a surrogate pair is no Unicode. */
export const isText = (value: string): boolean => !/[\0\p{Surrogate}]/u.test(value);

/** What is wrong with what is not {@link isText}. */
export const NO_TEXT = "has a character that text cannot have: NUL or half of a surrogate pair";
