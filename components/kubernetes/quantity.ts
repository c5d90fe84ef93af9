/**
 * The value of a Kubernetes quantity in bytes or in cores of CPU (resource.Quantity: suffixes m, k, M, G, T, P, E and Ki to Ei).
 *
 * @throws RangeError if the text is not a quantity.
 */
export function amount(quantity: string): number {
  const [, number, unit = "", binary] = /^([\d.]+)(?:([mkKMGTPE])(i)?)?$/.exec(quantity) ?? [];
  if (number === undefined) throw new RangeError(`not a quantity: ${quantity}`);
  if (unit === "m") return Number(number) / 1000;
  return Number(number) * (binary ? 1024 : 1000) ** " KMGTPE".indexOf(unit.toUpperCase() || " ");
}
