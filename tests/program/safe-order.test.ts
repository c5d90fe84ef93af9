import fc from "fast-check";
import assert from "node:assert/strict";
import { diff } from "../../cli/diff/diff";
import type { Order } from "../../cli/order/order";
import type { Fault } from "../../cli/order/prove";
import { edits } from "../support/edits";
import { checkEdits, proofOf, type Proof } from "../support/proofs";
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

/** What `shopzier diff` prints of an edit that takes two. */
const said = ({ before, after }: Proof): string[] =>
  diff({ title: "dev", before, after })
    .risks.filter(({ code }) => code === "W018")
    .map(({ why, fix }) => `${why} ${fix}`);

describe("an edit that one `pulumi up` cannot make", () => {
  const HALF = { weights: { v1: 50, v2: 50 } };
  const versions = (scale: Config): Config => ({ v1: version(scale), v2: version() });

  it("is said, and made in two: fewer pods and fewer requests of a version", async () => {
    const traffic = { weights: { v1: 20, v2: 80 } };
    const [before, after] = [
      settings({ versions: versions({ replicas: 4 }) }),
      settings({ traffic, versions: versions({ replicas: 1 }) }),
    ];
    const proof = await proofOf(before, after);
    assert.deepEqual(kinds(proof.faults), ["overload"]);
    assert.deepEqual(said(proof), [
      "v1 gets fewer pods (4 → 1) and fewer requests (50 → 20 %) in one edit: its pods change first, and for a while each gets " +
        "4 times the requests. First change the weights, and in a second edit the number of pods.",
    ]);
    const between = settings({ traffic, versions: versions({ replicas: 4 }) });
    for (const step of [await proofOf(before, between), await proofOf(between, after)])
      assert.deepEqual([step.faults, said(step)], [[], []]);
  });

  it("is said, and made in two: the last addresses of a list", async () => {
    const lists = { access: { allow: [{ addresses: ["192.0.2.0/24"] }] } };
    const kept = { values: { gateway: { service: { externalTrafficPolicy: "Local" } } } };
    const [before, after] = [settings({ security: lists }), settings()];
    const proof = await proofOf(before, after);
    assert.deepEqual(kinds(proof.faults), ["refused"]);
    const [text = ""] = said(proof);
    const step =
      "First remove the last addresses with istio.values.gateway.service.externalTrafficPolicy: Local, then remove that value.";
    assert.ok(text.endsWith(step), text);
    const between = { ...settings(), istio: { ...(settings().istio as Config), ...kept } };
    for (const one of [await proofOf(before, between), await proofOf(between, after)])
      assert.deepEqual([one.faults, said(one)], [[], []]);
  });

  it("is said with the commands before it: from replicas to an autoscaler, and back", async () => {
    const autoscaler = { autoscaler: { minReplicas: 4, maxReplicas: 9 } };
    const [fixed, counted] = [
      settings({ versions: versions({ replicas: 4 }) }),
      settings({ versions: versions(autoscaler) }),
    ];
    const there = await proofOf(fixed, counted);
    assert.deepEqual(kinds(there.faults), ["overload"]);
    assert.match(
      said(there).join(),
      /First run kubectl scale deployment\/category-v1 -n category --replicas=5, so/,
    );
    const back = said(await proofOf(counted, fixed));
    assert.match(
      back.join(),
      /First run kubectl delete hpa category-v1 -n category, then kubectl scale .* --replicas=4, then up\.$/,
    );
    assert.deepEqual(
      said(await proofOf(fixed, settings({ versions: versions({ replicas: 4 }), traffic: HALF }))),
      [],
    );
  });

  it("is said: another port", async () => {
    const proof = await proofOf(settings(), settings({ port: 9090 }));
    assert.deepEqual(kinds(proof.faults), ["no cluster", "refused"]);
    assert.match(
      said(proof).join(),
      /^category gets another port \(8080 → 9090\): .* First send the hosts to a second stack/,
    );
  });
});
