/** Whether PostgreSQL can store the text: no NUL, and no half of a surrogate pair, which is not Unicode. */
export const isText = (value: string): boolean => !/[\0\p{Surrogate}]/u.test(value);

/** The problem of text that is not {@link isText}. */
export const NO_TEXT = "has a character that text cannot have: NUL or half of a surrogate pair";
