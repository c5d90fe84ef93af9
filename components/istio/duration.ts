/** Milliseconds in Istio's format of a duration. */
export const duration = (ms: number): string => `${ms / 1000}s`;
