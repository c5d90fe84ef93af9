/**
 * The number that a Kubernetes quantity stands for: bytes of memory and storage, cores of CPU (resource.Quantity: suffixes m,
 * k, M, G, T, P, E and Ki to Ei).
 *
 * @throws RangeError when it is none.
 */
export function amount(quantity: string): number {
  const [, number, unit = "", binary] = /^([\d.]+)(?:([mkKMGTPE])(i)?)?$/.exec(quantity) ?? [];
  if (number === undefined) throw new RangeError(`not a quantity: ${quantity}`);
  if (unit === "m") return Number(number) / 1000;
  return Number(number) * (binary ? 1024 : 1000) ** " KMGTPE".indexOf(unit.toUpperCase() || " ");
}
