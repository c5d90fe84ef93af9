/** Which stack a VirtualService is of. Pure. */
import { OWNER_MARK } from "../../components/kubernetes/owner";
import { SourceError } from "../sources/source-error";
import type { VirtualServiceObject } from "./written-route";

/** Whether it is of the stack, or nobody is said to own it. */
export function isOwn({ metadata }: VirtualServiceObject, stack: string, project: string): boolean {
  const owner = metadata.annotations?.[OWNER_MARK];
  return owner === undefined || owner.includes(` urn:pulumi:${stack}::${project}::`);
}

/** @throws SourceError where it is of another stack, whose `pulumi up` alone may change it. */
export function refuseOfAnother(object: VirtualServiceObject, stack: string, project: string): void {
  if (isOwn(object, stack, project)) return;
  const { namespace, name, annotations } = object.metadata;
  throw new SourceError(
    `VirtualService ${namespace}/${name}: found owner ${annotations?.[OWNER_MARK] ?? ""}\n` +
      `  allowed: stack ${stack} of project ${project}\n` +
      "  repair:  name the stack that owns it with --stack and -C, or another one with --virtual-service",
  );
}
