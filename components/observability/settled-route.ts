/** Since when a route has its shares. */

/** After a change of the VirtualService, gateways may have the old split for so long, or clocks may differ. */
export const SETTLING_SECONDS = 20;

/**
 * When the spec of an object was last written, in Unix seconds of the cluster's clock. Undefined: it does not say. An annotation, such as the
 * mark of a shift, changes no share.
 */
export function lastChange(metadata: object): number | undefined {
  const { managedFields = [], creationTimestamp } = metadata as {
    readonly managedFields?: readonly {
      readonly time?: string;
      readonly fieldsV1?: { readonly "f:spec"?: object };
    }[];
    readonly creationTimestamp?: string;
  };
  const writes = managedFields.filter(({ fieldsV1 }) => fieldsV1?.["f:spec"] !== undefined);
  const times = [creationTimestamp, ...writes.map(({ time }) => time)]
    .map((time) => Date.parse(time ?? ""))
    .filter((time) => !Number.isNaN(time));
  return times.length > 0 ? Math.max(...times) / 1000 : undefined;
}
