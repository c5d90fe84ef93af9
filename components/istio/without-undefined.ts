/**
 * The fields that have a value. Without undefined fields, equal specs compare as equal, and the state has no empty fields.
 *
 * @returns a shallow copy.
 */
export function defined<Spec extends object>(spec: Spec): Spec {
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined)) as Spec;
}
