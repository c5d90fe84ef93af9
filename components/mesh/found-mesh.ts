/** Checks an Istio with another owner. Pure. */
import type { V1Deployment } from "@kubernetes/client-node";
import { REVISION_LABEL } from "../kubernetes/namespace";
import type { MeshNeeds } from "./mesh-needs";

export interface FoundMesh {
  readonly version: string;
  readonly settings: { readonly pathNormalization?: { readonly normalization?: string } };
}

/** Oldest minor that these components are tested with. */
const OLDEST = "1.29";

/** The Deployment of istiod for a revision. */
export const istiodOf = (deployments: readonly V1Deployment[], revision: string): V1Deployment | undefined =>
  deployments.find(({ metadata }) => (metadata?.labels?.[REVISION_LABEL] ?? "default") === revision);

/** Version of istiod, from the label that chart and operator set, or else from the image. */
function versionOf({ metadata, spec }: V1Deployment): string | undefined {
  const images = (spec?.template.spec?.containers ?? []).map(({ image }) => image ?? "");
  return [
    metadata?.labels?.["app.kubernetes.io/version"],
    ...images.map((image) => image.replace(/^.*:/, "")),
  ]
    .map((text) => /^v?(\d+\.\d+\.\d+)/.exec(text ?? "")?.[1])
    .find((version) => version !== undefined);
}

export function meshProblems(
  {
    istiod,
    others,
    settings,
  }: {
    readonly istiod: V1Deployment | undefined;
    readonly others: readonly V1Deployment[];
    readonly settings: FoundMesh["settings"];
  },
  needs: MeshNeeds,
): { readonly found: FoundMesh; readonly problems: readonly string[] } {
  if (!istiod) {
    const revisions = others.map(({ metadata }) => metadata?.labels?.[REVISION_LABEL] ?? "default");
    const there = revisions.length > 0 ? `revisions there: ${revisions.join(", ")}` : "no istiod is there";
    return { found: { version: "", settings }, problems: [`no istiod has this revision or tag; ${there}`] };
  }
  const version = versionOf(istiod) ?? "";
  const normalization = settings.pathNormalization?.normalization ?? "BASE";
  return {
    found: { version, settings },
    problems: [
      ...(version === ""
        ? ["the version of istiod cannot be told from its labels and its image"]
        : older(version, OLDEST)
          ? [`it is ${version}; allowed: ${OLDEST} or newer`]
          : []),
      ...Object.entries(needs.since ?? {})
        .filter(([minor]) => version !== "" && older(version, minor))
        .map(([minor, what]) => `it is ${version}; allowed: ${minor} or newer, for ${what}`),
      ...((istiod.status?.availableReplicas ?? 0) === 0
        ? [`no pod of Deployment ${istiod.metadata?.name ?? ""} is available`]
        : []),
      ...(needs.pathNormalization && normalization !== "DECODE_AND_MERGE_SLASHES"
        ? [
            `its mesh normalizes paths by ${normalization}, so another spelling of a path passes a deny list, or needs no token; ` +
              "allowed: meshConfig.pathNormalization.normalization: DECODE_AND_MERGE_SLASHES, which its owner sets, or no paths in " +
              "deny lists and required tokens",
          ]
        : []),
    ],
  };
}

/** Whether `version` is of a minor before `minor`. */
const older = (version: string, minor: string): boolean =>
  minor.localeCompare(version.split(".").slice(0, 2).join("."), "en", { numeric: true }) > 0;
