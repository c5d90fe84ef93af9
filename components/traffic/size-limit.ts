import type { VirtualServiceSpec } from "../istio/virtual-service";

/**
 * Largest spec of a VirtualService, in bytes of JSON. etcd refuses a request over 1.5 MiB (`--max-request-bytes`), which
 * includes the metadata.
 */
export const MAX_BYTES = 1024 * 1024;

/** @throws RangeError with the size, the largest rule and a way to reduce it. */
export function refuseOversize(spec: VirtualServiceSpec): void {
  const bytes = size(spec);
  if (bytes <= MAX_BYTES) return;
  const [largest] = spec.http
    .map((rule) => ({ name: rule.name ?? "", bytes: size(rule) }))
    .sort((a, b) => b.bytes - a.bytes);
  throw new RangeError(
    `rules: found ${spec.http.length} routes that make a VirtualService of ${mebibytes(bytes)} ` +
      `(rule ${largest?.name} takes ${((largest?.bytes ?? 0) / 1024).toFixed(1)} KiB); ` +
      `allowed: ${mebibytes(MAX_BYTES)}, since a cluster stores at most 1.5 MiB. ` +
      "One rule with several matches takes less than several rules with one action. Retries or a mirror that hold for " +
      "reads alone write a rule twice",
  );
}

const size = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(2)} MiB`;
