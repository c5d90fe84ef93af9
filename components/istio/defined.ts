/**
 * The fields that have a value: what is written to the cluster has no others, and two specs that say the same are equal.
 *
 * @returns a shallow copy.
 */
export function defined<Spec extends object>(spec: Spec): Spec {
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined)) as Spec;
}
