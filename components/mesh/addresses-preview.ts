import type * as pulumi from "@pulumi/pulumi";
import { previewHook } from "../readiness/preview-hook";
import { LAST_ADDRESSES, twoEditsText } from "../traffic/two-edits";

/** Hook before the update of the release: a preview says where its Service stops to keep the addresses of clients. */
export function addressesPreview(
  name: string,
  component: pulumi.Resource,
): pulumi.ResourceHookBinding | undefined {
  const policyOf = (inputs: unknown): string | undefined =>
    (inputs as { values?: { service?: { externalTrafficPolicy?: string } } }).values?.service
      ?.externalTrafficPolicy;
  const hook = previewHook(`${name}-preview`, component, (before, after) => ({
    lines: [],
    risks: policyOf(before) === "Local" && policyOf(after) !== "Local" ? [twoEditsText(LAST_ADDRESSES)] : [],
  }));
  return hook && { beforeUpdate: [hook] };
}
