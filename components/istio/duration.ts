/** Milliseconds as Istio takes a duration. */
export const duration = (ms: number): string => `${ms / 1000}s`;
