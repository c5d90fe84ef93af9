/** The simulator and the gateway: plans and requests that nobody thought of. */
import assert from "node:assert/strict";
import { execa } from "execa";
import fc from "fast-check";
import { Pool } from "undici";
import { stackEnvironment } from "../../lab/stack";
import type { HttpRoute, VirtualServiceSpec } from "../../components/istio/virtual-service";
import type { PathNormalization } from "../../components/traffic/path-normalization";
import { expectedRoutes, routeLag, type RouteConfigDump } from "../../components/traffic/propagation";
import { planRoutes } from "../../components/traffic/route-plan";
import { compile, type Decision, type SimulatedRequest } from "../../components/traffic/simulator";
import { routeRequest, simulatedRequest } from "../unit/traffic-arbitraries";
import { gatewayPods, get, kubectl, ROOT, until } from "./lab";

const NAMESPACE = "agreement";
const DOMAIN = "agreement.lab.internal";
const SEED = 20261122;
const PLANS = 60;
const REQUESTS_OF_A_PLAN = 200;

const hostOf = (plan: number): string => `plan${String(plan).padStart(2, "0")}.${DOMAIN}`;

/** Tells in every answer which route decided and which cluster it led to. */
function telling(rule: HttpRoute): HttpRoute {
  const { headers } = rule;
  const set = { ...headers?.response?.set, "x-rule": "%ROUTE_NAME%", "x-cluster": "%UPSTREAM_CLUSTER%" };
  return { ...rule, headers: { ...headers, response: { ...headers?.response, set } } };
}

const object = (kind: string, name: string, spec: object): object => ({
  apiVersion: "networking.istio.io/v1",
  kind,
  metadata: { name, namespace: NAMESPACE },
  spec,
});

async function apply(items: readonly object[]): Promise<void> {
  const { exitCode, all } = await execa("kubectl", ["apply", "-f", "-"], {
    cwd: ROOT,
    env: stackEnvironment(),
    input: JSON.stringify({ apiVersion: "v1", kind: "List", items }),
    all: true,
    reject: false,
  });
  assert.equal(exitCode, 0, all);
}

/** Of what the simulator says, what an answer shows. */
function shown(decision: Decision): string {
  switch (decision.kind) {
    case "routed":
      return `${decision.rule} -> ${Object.keys(decision.shares).sort().join("|")}`;
    case "redirected":
      return `${decision.rule ?? ""} ${decision.status} ${decision.location}`;
    case "answered":
      return `${decision.rule} ${decision.status} ${decision.body}`;
    case "preflight":
      return `preflight ${decision.allowed ? "allowed" : "refused"}`;
    case "not found":
      return "404";
    case "bad request":
      return "400";
    case "denied":
      return `${decision.status}`;
  }
}

/** An answer in the same words; a version that the simulator allows stands for all of them. */
async function answered(pool: Pool, request: SimulatedRequest, decision: Decision): Promise<string> {
  const { method, path, host, headers } = request;
  const response = await pool.request({
    method,
    path,
    headers: { ...headers, host } as Record<string, string | string[]>,
  });
  const body = await response.body.text();
  const header = (name: string): string => String(response.headers[name] ?? "");
  const cluster = header("x-cluster");
  const rule = header("x-rule");
  if (cluster !== "") {
    const version = cluster.split("|")[2] ?? "";
    const fits = decision.kind === "routed" && (decision.shares[version] ?? 0) > 0;
    return `${rule} -> ${fits ? Object.keys(decision.shares).sort().join("|") : version}`;
  }
  if (rule === "") {
    if (response.statusCode !== 200) return String(response.statusCode);
    return `preflight ${header("access-control-allow-origin") === "" ? "refused" : "allowed"}`;
  }
  if (header("location") !== "") return `${rule} ${response.statusCode} ${header("location")}`;
  const text = method === "HEAD" && decision.kind === "answered" ? decision.body : body;
  return `${rule} ${response.statusCode} ${text}`;
}

describe("the simulator", function () {
  this.timeout("4m");
  let virtualServices: readonly VirtualServiceSpec[];
  let pathNormalization: PathNormalization;

  before(async () => {
    virtualServices = Array.from({ length: PLANS }, (_, plan) => {
      const [request] = fc.sample(fc.noBias(routeRequest(hostOf(plan))), { numRuns: 1, seed: SEED + plan });
      assert.ok(request);
      const spec = planRoutes(request).virtualService;
      return { ...spec, http: spec.http.map(telling) };
    });
    const rules = virtualServices.map(({ http }) => new Set(http.map(({ name }) => name)).size);
    assert.ok(rules.filter((count) => count > 3).length > PLANS / 2, `plans of ${rules.join(", ")} rules`);
    const mesh = await get<{ data: { mesh: string } }>("configmap", "istio", "-n", "istio-system");
    const kind = /normalization: (\w+)/.exec(mesh.data.mesh)?.[1];
    pathNormalization = (kind as PathNormalization | undefined) ?? "BASE";
    await apply([
      { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
      object("Gateway", "agreement", {
        selector: { istio: "ingressgateway" },
        servers: [{ port: { number: 80, name: "http-agreement", protocol: "HTTP" }, hosts: [`*.${DOMAIN}`] }],
      }),
      ...virtualServices.map((spec, plan) => object("VirtualService", `plan-${plan}`, spec)),
    ]);
    await until("every pod of the gateway has every plan", async () => {
      for (const { metadata } of await gatewayPods()) {
        const dump = JSON.parse(
          await kubectl(
            ...["-n", "istio-ingress", "exec", metadata.name, "--", "pilot-agent", "request", "GET"],
            "config_dump?resource=dynamic_route_configs",
          ),
        ) as RouteConfigDump;
        const lags = virtualServices.map((spec, plan) =>
          routeLag(dump, { namespace: NAMESPACE, name: `plan-${plan}` }, expectedRoutes(spec)),
        );
        if (lags.some((lag) => lag !== undefined)) return false;
      }
      return true;
    });
  });

  after(async () => {
    await kubectl("delete", "namespace", NAMESPACE, "--wait=false", "--ignore-not-found");
  });

  it(`says of ${PLANS * REQUESTS_OF_A_PLAN} requests to ${PLANS} plans what the gateway does with them`, async () => {
    const decide = compile({ virtualServices, pathNormalization });
    const requests = Array.from({ length: PLANS }, (_, plan) =>
      fc.sample(fc.noBias(simulatedRequest(hostOf(plan))), {
        numRuns: REQUESTS_OF_A_PLAN,
        seed: SEED - plan,
      }),
    ).flat();
    const pool = new Pool("http://10.88.0.1:30080", { connections: 32 });
    const seen: Record<string, number> = {};
    const disagreements: string[] = [];
    try {
      await Promise.all(
        Array.from({ length: 32 }, async (_, lane) => {
          for (let i = lane; i < requests.length; i += 32) {
            const request = requests[i];
            if (!request) continue;
            const decision = decide(request);
            seen[decision.kind] = (seen[decision.kind] ?? 0) + 1;
            const answer = await answered(pool, request, decision);
            if (answer !== shown(decision)) {
              disagreements.push(
                `${JSON.stringify(request)}\n  simulator: ${shown(decision)}\n  gateway:   ${answer}`,
              );
            }
          }
        }),
      );
    } finally {
      await pool.close();
    }
    assert.deepEqual(
      disagreements.slice(0, 10),
      [],
      `${disagreements.length} of ${requests.length} requests:\n${disagreements.slice(0, 10).join("\n")}`,
    );
    // Each kind of decision has been put to the test.
    for (const kind of ["routed", "redirected", "answered", "preflight", "not found"]) {
      assert.ok((seen[kind] ?? 0) >= 50, `${kind}: ${JSON.stringify(seen)}`);
    }
  });
});
