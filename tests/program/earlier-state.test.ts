import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { NEW_SINCE, STATE_CONFIG, stateResources } from "../states/earlier-state";
import { runProgram, type Registered } from "../support/program";

describe("a state that an earlier program wrote", () => {
  it("has each of its resources under the same URN or an alias, and each object under the same name", async () => {
    const { config } = parse(readFileSync(STATE_CONFIG, "utf8")) as { config: Record<string, unknown> };
    const { resources, formerParents } = await runProgram(config, { stack: "lab" });
    const all = new Map(resources.map((r) => [r.name, r]));
    const types = ({ type, parent }: Pick<Registered, "type" | "parent">): string => {
      const above = parent === undefined ? undefined : all.get(parent);
      return above ? `${types(above)}$${type}` : type;
    };
    const registered = new Map(
      resources.flatMap((r) => {
        const { metadata = r.inputs } = r.inputs as {
          metadata?: { name?: string; namespace?: string };
        };
        const { name = "", namespace } = metadata as { name?: string; namespace?: string };
        const id = namespace === undefined ? name : `${namespace}/${name}`;
        return [r.parent, ...(formerParents.get(r.name) ?? [])].map(
          (parent): [string, string | undefined] => [
            `urn:pulumi:lab::shopzier::${types({ type: r.type, parent })}::${r.name}`,
            r.type.startsWith("kubernetes:") ? id : undefined,
          ],
        );
      }),
    );
    const written = stateResources().filter(({ type }) => !type.startsWith("pulumi:"));
    assert.ok(written.length > 40);
    assert.deepEqual(
      written.map(({ urn }) => [urn, registered.get(urn)]),
      written.map(({ urn, id }) => [urn, id]),
    );
    const added = resources
      .filter(({ type }) => type.startsWith("kubernetes:"))
      .map(({ name }) => name)
      .filter((name) => !written.some(({ urn }) => urn.endsWith(`::${name}`)));
    assert.deepEqual(added.sort(), NEW_SINCE);
  });
});
