/** The program's own objects, as the command reads them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { proxiesOf } from "../../cli/requests/proxies";
import {
  compile,
  type SimulatedPlan,
  type SimulatedRequest,
  type WrittenPolicy,
  type WrittenVirtualService,
} from "../../components/simulator";
import { runProgram, STACKS, stackConfig, type Run } from "../support/program";
import { sideOfRun } from "../support/sides";
import { simulatedRequest } from "../support/traffic-arbitraries";

/** What the program means, put together by the names of its resources. */
function meant({ resources }: Run, trustedProxies: number): SimulatedPlan {
  const inputs = (pattern: RegExp): object[] =>
    resources
      .filter(({ type, name }) => type.startsWith("kubernetes:") && pattern.test(name))
      .map((one) => one.inputs);
  const spec = (pattern: RegExp): never[] => inputs(pattern).map((one) => (one as { spec: never }).spec);
  const [tokens] = spec(/^shop-access-tokens$/) as (object | undefined)[];
  const toHttps = spec(/^shop-http-(?!.*Gateway)/) as WrittenVirtualService["spec"][];
  const plan: { -readonly [K in keyof SimulatedPlan]: SimulatedPlan[K] } = {
    virtualServices: spec(/^category-routes-route$/),
    authorizationPolicies: inputs(/^shop-access-(deny|allow|authentication)$/) as WrittenPolicy[],
    gatewayPatches: (spec(/-gateway-patches$/) as { configPatches: never[] }[]).flatMap(
      (one) => one.configPatches,
    ),
    trustedProxies,
    pathNormalization: "DECODE_AND_MERGE_SLASHES",
  };
  if (tokens) plan.requestAuthentication = tokens;
  if (toHttps.length > 0) plan.httpsRedirect = toHttps;
  return plan;
}

const ISSUER = "https://id.example.com/";
const RICH = {
  ...stackConfig("dev"),
  "shopzier:traffic": {
    ...(stackConfig("dev")["shopzier:traffic"] as object),
    rules: [
      { name: "beta", match: { claims: { groups: "staff" } }, to: "v2" },
      { name: "cohort", match: { cookies: { cohort: "beta" } }, to: "v2" },
      { name: "old", match: { path: { prefix: "/old" } }, redirect: { path: "/new" } },
    ],
    rateLimit: { requests: 5, per: "1s" },
  },
  "shopzier:gateway": { tls: { credentialName: "shop" } },
  "shopzier:security": {
    trustedProxies: 1,
    access: {
      deny: [{ addresses: ["203.0.113.0/24"] }, { paths: [{ prefix: "/api/v2" }], methods: ["PUT"] }],
    },
    authentication: {
      jwt: [{ issuer: ISSUER, audiences: ["shop"], jwksUri: `${ISSUER}jwks` }],
      required: [{ methods: ["DELETE"] }],
    },
  },
};

describe("the proxies of the program's own objects", () => {
  for (const stack of [...STACKS, "rich"] as const) {
    it(`decide what the program means: ${stack}`, async () => {
      const run = await runProgram(
        stack === "rich" ? RICH : stackConfig(stack),
        stack === "rich" ? {} : { stack },
      );
      const proxies = proxiesOf(sideOfRun(stack, run));
      assert.deepEqual(
        proxies.map(({ name, notLookedAt }) => [name, notLookedAt]),
        [["gateway istio-ingress/istio-ingressgateway", []]],
      );
      const [gateway] = proxies;
      assert.ok(gateway);
      const decide = compile(gateway.plan);
      const expected = compile(meant(run, stack === "rich" ? 1 : 0));
      const host = String(run.outputs.host);
      const served = run.resources.some(({ name }) => name === "shop-certificates")
        ? ["https", "http"]
        : ["http"];
      const kinds = new Set<string>();
      for (const scheme of served as SimulatedRequest["scheme"][]) {
        for (const request of fc.sample(fc.noBias(simulatedRequest(host)), 400)) {
          // The server of a Gateway has the hosts of the stack alone; the plan by hand has no servers.
          const asked = {
            ...request,
            scheme,
            host: request.host.toLowerCase().includes(`x${host}`) ? host : request.host,
          };
          const decision = decide(asked);
          kinds.add(decision.kind === "no listener" ? "not found" : decision.kind);
          const wanted = expected(asked);
          if (decision.kind === "no listener") assert.equal(wanted.kind, "not found", JSON.stringify(asked));
          else assert.deepEqual(decision, wanted, JSON.stringify(asked));
        }
      }
      assert.ok(kinds.has("routed") && kinds.has("not found"), [...kinds].join());
      if (stack === "rich") assert.ok(kinds.has("denied") && kinds.has("redirected"), [...kinds].join());
    });
  }
});
