/**
 * Image references, by the grammar of the distribution project (reference/reference.go):
 * [host[:port]/]path[:tag][@algorithm:digest].
 */

const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const HOST =
  "(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]+)?";
const NAME = `(?:${HOST}/)?${COMPONENT}(?:/${COMPONENT})*`;
const TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const DIGEST = "[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-f]{32,}";

const REFERENCE = new RegExp(`^(${NAME})(?::(${TAG}))?(?:@(${DIGEST}))?$`);

/** The parts of an image reference. */
export interface ImageReference {
  readonly name: string;
  readonly tag?: string;
  readonly digest?: string;
}

/** The parts of `reference`; undefined if it is not an image reference. */
export function imageReference(reference: string): ImageReference | undefined {
  const [, name, tag, digest] = REFERENCE.exec(reference) ?? [];
  if (name === undefined || name.length > 255) return undefined;
  return { name, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** Whether `hub` followed by "/pilot:tag" is an image reference. */
export function isImageHub(hub: string): boolean {
  return imageReference(`${hub}/pilot`) !== undefined;
}

export const IMAGE_TAG = new RegExp(`^${TAG}$`);
