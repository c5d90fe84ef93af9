import fc from "fast-check";
import assert from "node:assert/strict";
import type { Order } from "../../cli/order/order";
import type { Fault } from "../../cli/order/prove";
import { edits } from "../support/edits";
import { checkEdits, proofOf } from "../support/proofs";
import { RIGHT_SETTINGS } from "../../docs/wrong-settings";
import type { Config } from "../support/generated-settings";

const IMAGE = "registry.example.com/category-api:1.0.0";
const version = (scale: Config = { replicas: 2 }): Config => ({ image: IMAGE, ...scale });

interface Edited {
  readonly versions?: Config;
  readonly port?: number;
  readonly aliases?: readonly string[];
  readonly traffic?: Config;
  readonly security?: Config;
}

/** Settings with two versions and half of the requests each, unless an edit says otherwise. */
function settings({ versions, port, aliases, traffic, security }: Edited = {}): Config {
  const { category, ...others } = RIGHT_SETTINGS.dev as { category: Config };
  return {
    ...others,
    category: {
      ...category,
      versions: versions ?? { v1: version(), v2: version() },
      ...(port !== undefined && { port }),
      ...(aliases && { aliases }),
    },
    traffic: traffic ?? { weights: { v1: 50, v2: 50 } },
    ...(security && { security }),
  };
}

const kinds = (faults: readonly Fault[]): string[] => faults.map(({ kind }) => kind);
const without = (key: RegExp, order: Order): Order => {
  const filtered = (all: Order["written"]): Order["written"] =>
    new Map([...all].map(([of, before]) => [of, new Set([...before].filter((one) => !key.test(one)))]));
  return { written: filtered(order.written), proved: filtered(order.proved) };
};
/** An order in which an object waits for nothing. */
const atOnce = (key: RegExp, { written, proved }: Order): Order => {
  const emptied = (all: Order["written"]): Order["written"] =>
    new Map([...all].map(([of, before]) => [of, key.test(of) ? new Set<string>() : before]));
  return { written: emptied(written), proved: emptied(proved) };
};

const denied = { access: { deny: [{ paths: [{ prefix: "/api/v1/category/tree" }] }] } };
const withV3 = settings({
  versions: { v1: version(), v2: version(), v3: version() },
  traffic: { weights: { v1: 50, v2: 0, v3: 50 } },
});
const withoutV2 = settings({ versions: { v1: version() }, traffic: { weights: { v1: 100 } } });

describe("the order in which `pulumi up` writes", () => {
  for (const [title, before, after] of [
    ["a shift", settings(), settings({ traffic: { weights: { v1: 20, v2: 80 } } })],
    ["a new version that gets requests at once", settings(), withV3],
    ["a version that is taken out", settings(), withoutV2],
    ["a version that is taken out while another comes", withV3, withoutV2],
    [
      "more pods and more requests",
      settings(),
      settings({
        versions: { v1: version({ replicas: 9 }), v2: version() },
        traffic: { weights: { v1: 90, v2: 10 } },
      }),
    ],
    ["a deny list and a host", settings(), settings({ security: denied, aliases: ["shop.example.net"] })],
    [
      "rules",
      settings(),
      settings({
        traffic: {
          weights: { v1: 50, v2: 50 },
          rules: [{ name: "b", match: { headers: { "x-b": "1" } }, to: "v2" }],
        },
      }),
    ],
  ] as const) {
    it(`keeps every request: ${title}`, async () => {
      assert.deepEqual((await proofOf(before, after)).faults, []);
    });
  }

  // What finds nothing must be shown to find.
  for (const [title, before, after, mutate, expected] of [
    [
      "the route waits for no pods",
      settings(),
      withV3,
      (order) => without(/^Deployment/, order),
      ["no pods"],
    ],
    [
      "the route waits for no subset",
      settings(),
      withV3,
      (order) => without(/^DestinationRule/, order),
      ["no cluster"],
    ],
    [
      "the pods of a version go before the proof",
      settings(),
      withoutV2,
      (order) => atOnce(/^Deployment/, order),
      ["no pods"],
    ],
    [
      "the subset of a version goes before the proof",
      settings(),
      withoutV2,
      (order) => atOnce(/^DestinationRule/, order),
      ["no cluster"],
    ],
    [
      "a route opens before its deny list",
      settings(),
      settings({ security: denied, aliases: ["shop.example.net"] }),
      (order) => without(/^AuthorizationPolicy/, order),
      ["let in"],
    ],
  ] as const satisfies readonly (readonly [
    string,
    Config,
    Config,
    (order: Order) => Order,
    readonly string[],
  ])[]) {
    it(`is what keeps them: ${title}`, async () => {
      const { faults } = await proofOf(before, after, mutate);
      assert.deepEqual(kinds(faults), expected, JSON.stringify(faults, null, 1));
    });
  }

  // tests/proof/safe-order.test.ts has five hundred.
  it("keeps every request of generated edits, but for those that two edits keep", async function () {
    this.timeout("2m");
    const { seed = 0 } = fc.readConfigureGlobal();
    const { unsaid } = await checkEdits(fc.sample(edits(["port"]), { numRuns: 8, seed }));
    assert.deepEqual(unsaid, []);
  });
});
