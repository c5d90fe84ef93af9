/** Annotation that names the owner of an object: the organization and the URN, which contains project and stack. */
export const OWNER_MARK = "shopzier-mesh/owner";

/** Metadata of an object in the cluster. */
export interface LiveMetadata {
  readonly creationTimestamp?: string | Date;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly managedFields?: readonly { readonly manager?: string; readonly subresource?: string }[];
}

export type Verdict =
  /** There is no object of that name, or an interrupted update of this stack created it. */
  | { readonly kind: "free" }
  /** This stack created the object under another URN. */
  | { readonly kind: "renamed"; readonly urn: string }
  | { readonly kind: "foreign"; readonly owner: string };

export const ownerMark = (organization: string, urn: string): string => `${organization} ${urn}`;

/**
 * Whether an object may be created.
 *
 * @param live metadata of the object that has its name now; undefined where there is none.
 * @param mark the {@link OWNER_MARK} of the object to be created.
 */
export function verdictOn(live: LiveMetadata | undefined, mark: string): Verdict {
  if (live === undefined) return { kind: "free" };
  const found = live.annotations?.[OWNER_MARK];
  if (found === mark) return { kind: "free" };
  if (found !== undefined && stackOf(found) === stackOf(mark)) {
    return { kind: "renamed", urn: found.slice(found.indexOf(" ") + 1) };
  }
  return { kind: "foreign", owner: ownerOf(live) };
}

/** Organization, project and stack: `urn:pulumi:<stack>::<project>::<types>::<name>`. */
export function stackOf(mark: string): string {
  const [organization = "", urn = ""] = mark.split(" ");
  const [stack = "", project = ""] = urn.replace(/^urn:pulumi:/, "").split("::");
  return `${organization}/${project}/${stack}`;
}

/** The owner of an object, as far as its metadata shows it. */
function ownerOf({
  labels = {},
  annotations = {},
  managedFields = [],
  creationTimestamp,
}: LiveMetadata): string {
  const mark = annotations[OWNER_MARK];
  const release = annotations["meta.helm.sh/release-name"];
  const manager = labels["app.kubernetes.io/managed-by"];
  // A writer of the status is not an owner.
  const writers = managedFields.flatMap(({ manager: by, subresource }) =>
    by !== undefined && subresource === undefined ? [by] : [],
  );
  const signs = [
    ...(mark === undefined ? [] : [`Pulumi stack ${stackOf(mark)}`]),
    ...(release === undefined
      ? []
      : [`Helm release ${annotations["meta.helm.sh/release-namespace"] ?? "?"}/${release}`]),
    ...(manager === undefined || release !== undefined ? [] : [`managed by ${manager}`]),
    ...(writers.length > 0 ? [`written by ${[...new Set(writers)].join(", ")}`] : []),
    ...(creationTimestamp === undefined ? [] : [`since ${new Date(creationTimestamp).toISOString()}`]),
  ];
  return signs.join("; ") || "an owner that left no trace";
}

/** An object and the components above it, as `pulumi import` names them; the outermost comes first. */
export type Lineage = readonly { readonly type: string; readonly name: string }[];

/** An object that exists in the cluster and not in the state. */
export interface Conflict {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly urn: string;
  /** From the outermost component to the object. */
  readonly lineage: Lineage;
  readonly verdict: Exclude<Verdict, { kind: "free" }>;
}

/** One message for all conflicts. */
export function conflictReport(conflicts: readonly Conflict[]): string {
  const foreign = conflicts.filter(({ verdict }) => verdict.kind === "foreign");
  const lines = conflicts.map(({ kind, name, namespace, verdict, urn }) => {
    const object = `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
    return verdict.kind === "foreign"
      ? `${object}\n  found:   ${verdict.owner}`
      : `${object}\n  found:   this stack's, as ${verdict.urn}\n` +
          `  repair:  it is now ${urn}: give the component that was renamed or moved its old name as an alias ` +
          "(aliases: [{ name: ... }] in its options), so that nothing deletes what is written here";
  });
  return [
    "These objects exist and are not in the state of this stack. `up` would write over them, and `destroy` delete them.",
    ...lines,
    ...(foreign.length > 0
      ? [
          "repair, if an object belongs to another owner:\n" +
            "  do not change it: choose another name or namespace in the stack file or the component's arguments. A namespace " +
            "may be used as it is (create: false), and so may an Istio and a gateway (docs/shared-cluster.md)",
          "repair, if this stack may own it:\n" +
            "  import it. From then on `destroy` deletes it, and a namespace with all of its objects:\n" +
            `  echo '${JSON.stringify(importFile(foreign))}' > import.json\n` +
            "  pulumi import --file import.json --protect=false --generate-code=false",
        ]
      : []),
  ].join("\n");
}

/** The contents of a file for `pulumi import --file`. They include the components above the objects. */
export function importFile(conflicts: readonly Conflict[]): { readonly resources: readonly object[] } {
  const resources = new Map<string, object>();
  for (const { lineage, namespace, name } of conflicts) {
    for (const [depth, own] of lineage.entries()) {
      const parent = lineage[depth - 1]?.name;
      const id = namespace === undefined ? name : `${namespace}/${name}`;
      resources.set(`${own.type} ${own.name}`, {
        ...own,
        ...(depth < lineage.length - 1 ? { component: true } : { id }),
        ...(parent !== undefined && { parent }),
      });
    }
  }
  return { resources: [...resources.values()] };
}
