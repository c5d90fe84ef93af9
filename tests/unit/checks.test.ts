import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { CHECKS } from "../../stacks/config/checks/all-checks";
import { check, ReadSettings } from "../../stacks/config/checks/check";
import { MESSAGES, problem } from "../../stacks/config/report/catalogue";
import { schemasAt } from "../../stacks/config/schema/json-schema";

describe("problems", () => {
  it("have each a code of its own, which docs/errors.md has as an anchor", () => {
    const errors = readFileSync(path.join(__dirname, "../../docs/errors.md"), "utf8");
    const codes = Object.values(MESSAGES).map(({ code }) => code);
    assert.equal(new Set(codes).size, codes.length);
    for (const code of codes) {
      assert.match(code, /^SM\d{4}$/);
      assert.ok(errors.includes(`<a id="${code}"></a>`), code);
    }
  });
});

describe("checks", () => {
  it("name inputs that a stack file may have", () => {
    for (const input of new Set(CHECKS.flatMap(({ inputs }) => inputs))) {
      const keys = input.replace(/^(keys of|written) /, "").split(".");
      const isEntry = (key: string): boolean => ["*", "*?", "[]"].includes(key);
      const paths = [0, "x"].map((entry) => keys.map((key) => (isEntry(key) ? entry : key)));
      assert.ok(
        paths.some((at) => schemasAt(at).length > 0),
        input,
      );
    }
  });

  describe("run only where their inputs were read", () => {
    const value = {
      gateway: { http: true, tls: { credentialName: "a" } },
      traffic: { weights: {}, rules: [{ name: "a", to: "v1" }, { name: "b" }] },
    };
    const runs = (input: string, refused: { path: (string | number)[]; whole: boolean }[]): unknown => {
      let seen: unknown = "did not run";
      const one = check({ input }, (values) => {
        seen = values.input;
        return [problem("weightsNone", [], {})];
      });
      const found = [...one.find(new ReadSettings(value, { gateway: { drain: 1 } }, refused))];
      assert.equal(found.length, seen === "did not run" ? 0 : 1);
      return seen;
    };

    it("at a value, above it and below it", () => {
      const at = (...keys: (string | number)[]) => [{ path: keys, whole: true }];
      assert.equal(runs("gateway.http", []), true);
      assert.equal(runs("gateway.address", []), undefined);
      assert.equal(runs("gateway.http", at("gateway", "tls")), true);
      for (const refused of [at("gateway"), at("gateway", "http"), at()])
        assert.equal(runs("gateway.http", refused), "did not run");
      assert.equal(runs("gateway.tls", at("gateway", "tls", "mode")), "did not run");
    });

    it("but below a block that as a whole is not right", () => {
      const combination = [{ path: ["gateway"], whole: false }];
      assert.equal(runs("gateway.http", combination), true);
      assert.equal(runs("gateway", combination), "did not run");
    });

    it("of every entry, or of those that were read", () => {
      const second = [{ path: ["traffic", "rules", 1, "to"], whole: true }];
      assert.deepEqual(runs("traffic.rules.*.to", []), [
        [0, "v1"],
        [1, undefined],
      ]);
      assert.equal(runs("traffic.rules.*.to", second), "did not run");
      assert.deepEqual(runs("traffic.rules.*?.to", second), [[0, "v1"]]);
      assert.equal(runs("traffic.rules.*?.to", [{ path: ["traffic", "rules"], whole: true }]), "did not run");
    });

    it("of keys and of what is written, whatever is below", () => {
      const tls = [{ path: ["gateway", "tls"], whole: true }];
      assert.deepEqual(runs("keys of gateway", tls), ["http", "tls"]);
      assert.equal(runs("keys of gateway.tls", tls), "did not run");
      assert.equal(runs("written gateway.drain", tls), 1);
    });
  });
});
