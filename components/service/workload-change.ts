import { UNKNOWN } from "../traffic/route-change";
import { toAutoscaler, toReplicas, twoEditsText } from "../traffic/two-edits";

/** The fields of a Deployment that are compared. */
export interface ComparedWorkload {
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: {
      readonly spec?: { readonly containers?: readonly { readonly name: string; readonly image?: string }[] };
    };
  };
}

/** The changed number of pods and the changed images of two Deployments, in words. */
export function workloadChanges(
  before: ComparedWorkload,
  after: ComparedWorkload,
): { readonly texts: readonly string[]; readonly newImage: boolean } {
  const [old, now] = [before, after].map(imagesOf);
  const images = [...(now ?? [])].flatMap(([container, image]) => {
    const earlier = old?.get(container);
    return earlier === undefined || earlier === image ? [] : [`image ${earlier} → ${image}`];
  });
  const [from, to] = [before, after].map(({ spec }) => String(spec?.replicas ?? "by the autoscaler"));
  const texts = [...images, ...(from === to ? [] : [`replicas ${from} → ${to}`])];
  return {
    texts: texts.map((text) => text.replaceAll(UNKNOWN, "(known after up)")),
    newImage: images.length > 0,
  };
}

/** Why a Deployment cannot get or lose an autoscaler in one edit, in words. `before` and `after` say who counts its pods. */
export function otherScale(
  before: ComparedWorkload,
  after: ComparedWorkload,
  named: { readonly name: string; readonly namespace: string },
): string[] {
  const [old, now] = [before, after].map(({ spec }) => spec?.replicas);
  if (old !== undefined && now === undefined) return old > 1 ? [twoEditsText(toAutoscaler(named, old))] : [];
  return old === undefined && now !== undefined ? [twoEditsText(toReplicas(named, now))] : [];
}

function imagesOf({ spec }: ComparedWorkload): Map<string, string> {
  const containers = spec?.template?.spec?.containers;
  return new Map(
    Array.isArray(containers)
      ? containers.map(({ name, image }: { name: string; image?: string }) => [name, image ?? "none"])
      : [],
  );
}
