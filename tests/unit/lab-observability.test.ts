import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { isObserved, withObservability } from "../../lab/observability";
import { parseSettings } from "../../stacks/config/settings";

const COMMITTED = readFileSync(path.join(__dirname, "../../Pulumi.lab.yaml"), "utf8");
const lines = (text: string): string[] => text.split("\n");

describe("the stack file of the lab", () => {
  it("has nothing at first whose images `make up` has not built", () => {
    assert.equal(isObserved(COMMITTED), false);
  });

  it("gets Prometheus, Jaeger and tracing, and keeps every other line", () => {
    const edited = withObservability(COMMITTED);
    assert.ok(isObserved(edited));
    assert.equal(withObservability(edited), edited);
    const added = lines(edited).filter((line) => !lines(COMMITTED).includes(line));
    const kept = lines(edited);
    assert.deepEqual(kept.splice(kept.indexOf(added[0] ?? ""), added.length), added);
    assert.deepEqual(kept, lines(COMMITTED));
    const { config } = parse(edited) as { config: Record<string, unknown> };
    const { observability } = parseSettings(
      Object.fromEntries(Object.entries(config).map(([key, value]) => [key.replace("shopzier:", ""), value])),
      "lab",
    );
    assert.deepEqual(observability.prometheus?.image, {
      repository: "lab.internal/prometheus",
      tag: "v3.14.0",
    });
    assert.equal(observability.tracing?.provider, "jaeger");
  });

  it("keeps what its user has set", () => {
    const own = "config:\n  shopzier:observability:\n    jaeger: # mine\n      namespace: traces\n";
    const edited = withObservability(own, "jaeger: { namespace: other }\ntracing: { sampling: 100 }\n");
    assert.deepEqual(lines(edited), [
      "config:",
      "  shopzier:observability:",
      "    tracing:",
      "      sampling: 100",
      "    jaeger: # mine",
      "      namespace: traces",
      "",
    ]);
  });

  it("gets the block that its user has removed", () => {
    const edited = withObservability("config:\n  a: 1\n", "tracing: { sampling: 100 }\n");
    assert.equal(edited, "config:\n  shopzier:observability:\n    tracing:\n      sampling: 100\n  a: 1\n");
  });

  for (const text of ["", "config: {}\n", "config: { a: 1 }\n", "config:\n  - a\n"])
    it(`is refused as ${JSON.stringify(text)}, with what to do`, () => {
      assert.throws(
        () => withObservability(text),
        /git checkout it, or add by hand what lab\/observability\.yaml has/,
      );
    });
});
