import { effectiveShares, type Shares, type Weights } from "./weights";

/** Annotation of a VirtualService, which `shopzier shift` writes as JSON: among others `before`, the weights from before the shift. */
export const SHIFT_MARK = "shopzier-mesh/shift";

/** The shares from before the running or last shift; undefined where there is no mark, or none that can be read. */
export function sharesBeforeShift(
  annotations: Readonly<Record<string, string>> | undefined,
): Shares | undefined {
  try {
    const { before } = JSON.parse(annotations?.[SHIFT_MARK] ?? "{}") as { readonly before?: Weights };
    return before && effectiveShares(before);
  } catch {
    return undefined;
  }
}
