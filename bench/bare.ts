/** The program of `bareProgram` in bare-program.ts, which runs it as `index.ts` of a folder with the record beside it. */
import "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { readFileSync } from "node:fs";
import type { RecordedResource } from "./bare-program";

const recorded = JSON.parse(readFileSync("resources.json", "utf8")) as RecordedResource[];
const byUrn = new Map(recorded.map((resource) => [resource.urn, resource]));
class PlainResource extends pulumi.CustomResource {}
const registered = new Map<string, pulumi.Resource>();

/** Registers a resource after those that it names; undefined for the stack itself. */
function register(urn: string): pulumi.Resource | undefined {
  const one = byUrn.get(urn);
  if (one === undefined || registered.has(urn)) return registered.get(urn);
  const { type, name, inputs, parent, dependencies, version, timeouts } = one;
  const opts = {
    parent: parent === undefined ? undefined : register(parent),
    dependsOn: dependencies.flatMap((other) => register(other) ?? []),
  };
  const resource =
    version === undefined
      ? new pulumi.ComponentResource(type, name, inputs, opts)
      : new PlainResource(type, name, inputs, { ...opts, version, customTimeouts: timeouts });
  registered.set(urn, resource);
  return resource;
}
for (const { urn } of recorded) register(urn);
