/** The simulator and a gateway: plans, guards and requests that nobody thought of. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Pool, type Dispatcher } from "undici";
import { policyLag, type ListenerDump } from "../../components/readiness/gateway-policies";
import type { VirtualServiceSpec } from "../../components/istio/virtual-service";
import { clientPatches } from "../../components/mesh/gateway-clients";
import type { PathNormalization } from "../../components/simulator/path-normalization";
import { expectedRoutes, routeLag, type RouteConfigDump } from "../../components/readiness/propagation";
import { planRoutes } from "../../components/traffic/route-plan";
import {
  sharesBySubset,
  type Decision,
  type SimulatedPlan,
  type SimulatedRequest,
} from "../../components/simulator/decision";
import { compile } from "../../components/simulator/simulator";
import {
  AUDIENCE,
  guard,
  guardPolicies,
  ISSUERS,
  OPEN,
  requestAuthentication,
  SELECTOR,
} from "../support/access-arbitraries";
import { routeRequest, simulatedRequest } from "../support/traffic-arbitraries";
import { applyObjects, baseline, envoyAdmin, get, kubectl, readyPods, until } from "../../lab/harness";
import { forgeries, issuer } from "../support/tokens";

const NAMESPACE = "agreement";
const INGRESS = "istio-ingress";
const LABELS = { test: "agreement" };
const NODE_PORT = 30090;
const DOMAIN = "agreement.lab.internal";
const PLANS = 60;
const REQUESTS_OF_A_PLAN = 200;
/** Requests between two looks into the log, which the kubelet cuts at 10 MiB. */
const BATCH = 4000;

const hostOf = (plan: number): string => `plan${String(plan).padStart(2, "0")}.${DOMAIN}`;
const pods = (): ReturnType<typeof readyPods> => readyPods(INGRESS, "istio=agreement");

const object = (
  apiVersion: string,
  kind: string,
  name: string,
  spec: object,
  namespace = INGRESS,
): object => ({
  ...{ apiVersion, kind, metadata: { name, namespace, labels: LABELS }, spec },
});

/** A twin of the gateway that has one proxy before it. Nothing that is written for it holds for other hosts. */
async function twin(): Promise<object[]> {
  const { spec } = await get<{
    spec: { template: { metadata: { labels: object; annotations: object }; spec: object } };
  }>("deployment", "istio-ingressgateway", "-n", INGRESS);
  const { metadata, spec: pod } = spec.template;
  const selected = SELECTOR.matchLabels;
  const config = JSON.stringify({ gatewayTopology: { numTrustedProxies: 1 } });
  return [
    object("apps/v1", "Deployment", NAMESPACE, {
      selector: { matchLabels: selected },
      template: {
        metadata: {
          labels: { ...metadata.labels, ...selected, app: NAMESPACE },
          annotations: { ...metadata.annotations, "proxy.istio.io/config": config },
        },
        spec: { ...pod, terminationGracePeriodSeconds: 0 },
      },
    }),
    object("v1", "Service", NAMESPACE, {
      type: "NodePort",
      // Keeps the address of the client.
      externalTrafficPolicy: "Local",
      selector: selected,
      ports: [{ name: "http", port: 80, nodePort: NODE_PORT }],
    }),
    object("networking.istio.io/v1alpha3", "EnvoyFilter", NAMESPACE, {
      workloadSelector: { labels: selected },
      configPatches: clientPatches(1),
    }),
    object("telemetry.istio.io/v1", "Telemetry", NAMESPACE, {
      selector: SELECTOR,
      accessLogging: [{ providers: [{ name: "envoy" }] }],
    }),
  ];
}

/** What a client and the gateway's log say about one request. */
interface Answer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData["headers"];
  readonly body: string;
}
interface Logged {
  /** Envoy: RESPONSE_CODE_DETAILS. */
  readonly details: string;
  /** Of the route, also where the request was refused; `-` where the route leads to none. */
  readonly cluster: string;
  readonly rule: string;
}

/** Of what the simulator says, what can be seen. */
function shown(decision: Decision): string {
  switch (decision.kind) {
    case "routed":
      return `${decision.rule} -> ${versionsOf(decision)}`;
    case "redirected":
      return `${decision.rule} ${decision.status} ${decision.location}`;
    case "answered":
      return `${decision.rule} ${decision.status} ${decision.body}`;
    case "preflight":
      return `${decision.rule} preflight ${decision.allowed ? "allowed" : "refused"}`;
    case "not found":
      return "404 route_not_found";
    case "no listener":
      return "no connection";
    case "bad request":
      return "400 path_normalization_failed";
    case "denied":
      return `${decision.status} by ${decision.reason === "denied" ? decision.policy : decision.reason}`;
  }
}

const versionsOf = ({ destinations }: Extract<Decision, { kind: "routed" }>): string =>
  Object.keys(sharesBySubset(destinations)).sort().join("|");

/** What was seen, in the same words; a version that the simulator allows stands for all of them. */
function seen({ status, headers, body }: Answer, { details, cluster, rule }: Logged, said: Decision): string {
  const header = (name: string): string => String(headers[name] ?? "");
  if (details.startsWith("jwt_authn_access_denied")) return `${status} by token`;
  const [, policy] = /^rbac_access_denied_matched_policy\[(.*)\]$/.exec(details) ?? [];
  if (policy === "none") return `${status} by not allowed`;
  if (policy !== undefined) return `${status} by ${/-policy\[(.*)\]-rule/.exec(policy)?.[1] ?? policy}`;
  if (details === "cors_response")
    return `${rule} preflight ${header("access-control-allow-origin") === "" ? "refused" : "allowed"}`;
  // The answer's headers are a route's, which Envoy looks for where the scheme is known already: by X-Forwarded-Proto.
  if (cluster !== "-" && details !== "path_normalization_failed") {
    const version = cluster.split("|")[2] ?? "";
    const told = header("x-category-version");
    if (told !== "" && told !== version) return `sent to ${version}, answered by ${told}`;
    const fits = said.kind === "routed" && said.destinations.some(({ subset }) => subset === version);
    return `${rule} -> ${fits ? versionsOf(said) : version}`;
  }
  if (details !== "direct_response") return `${status} ${details}`;
  if (header("location") !== "") return `${rule} ${status} ${header("location")}`;
  // An answer to HEAD has no body.
  return `${rule} ${status} ${body === "" && said.kind === "answered" ? said.body : body}`;
}

/** Istio's default format: status, flags, details, much else, and the name of the route last. */
const LINE = /" (?:\d+) \S+ (\S+) .*"agreement-(\d+)" "[^"]*" "[^"]*" "[^"]*" (\S+) \S+ \S+ \S+ \S+ (\S+)$/;

describe("the simulator", function () {
  this.timeout("4m");
  const { seed = 0 } = fc.readConfigureGlobal();
  let plan: SimulatedPlan;
  let virtualServices: readonly VirtualServiceSpec[];
  const issuers = ISSUERS.map((name) => issuer(name, AUDIENCE));
  const foreign = issuer(ISSUERS[0], AUDIENCE);

  before(async () => {
    await baseline();
    const drawn = Array.from({ length: PLANS }, (_, i) => {
      const both = fc.tuple(routeRequest(hostOf(i)), fc.option(guard, { nil: undefined, freq: 2 }));
      const [one] = fc.sample(fc.noBias(both), { numRuns: 1, seed: seed + i });
      assert.ok(one);
      return one;
    });
    virtualServices = drawn.map(([request]) => planRoutes(request).virtualService);
    const rules = virtualServices.map(({ http }) => new Set(http.map(({ name }) => name)).size);
    assert.ok(rules.filter((count) => count > 3).length > PLANS / 2, `plans of ${rules.join(", ")} rules`);
    const mesh = await get<{ data: { mesh: string } }>("configmap", "istio", "-n", "istio-system");
    const kind = /normalization: (\w+)/.exec(mesh.data.mesh)?.[1];
    const policies = [
      ...drawn.flatMap(([, one], i) => (one ? guardPolicies(`plan-${i}`, [hostOf(i)], one) : [])),
      ...guardPolicies(
        "open",
        drawn.flatMap(([, one], i) => (one ? [] : [hostOf(i)])),
        OPEN,
      ),
    ];
    const spec = requestAuthentication(issuers.map(({ jwks }) => jwks));
    plan = {
      virtualServices,
      pathNormalization: (kind as PathNormalization | undefined) ?? "BASE",
      trustedProxies: 1,
      requestAuthentication: spec,
      authorizationPolicies: policies,
    };
    // One that a run before has left, or that still goes.
    await kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found");
    await applyObjects(
      { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
      object(
        ...(["networking.istio.io/v1", "Gateway", NAMESPACE] as const),
        {
          selector: SELECTOR.matchLabels,
          servers: [
            { port: { number: 80, name: "http-agreement", protocol: "HTTP" }, hosts: [`*.${DOMAIN}`] },
          ],
        },
        NAMESPACE,
      ),
      ...virtualServices.map((spec, i) =>
        object("networking.istio.io/v1", "VirtualService", `plan-${i}`, spec, NAMESPACE),
      ),
      object("security.istio.io/v1", "RequestAuthentication", NAMESPACE, spec),
      ...policies.map(({ metadata, spec }) =>
        object("security.istio.io/v1", "AuthorizationPolicy", metadata.name, spec),
      ),
      ...(await twin()),
    );
    let last: string | undefined;
    await until("the gateway has every plan and every policy", async () => {
      const [pod] = await pods();
      if (!pod) return false;
      const dump = (resource: string): Promise<string> =>
        envoyAdmin(INGRESS, pod.metadata.name, `config_dump?resource=${resource}`);
      const listeners = JSON.parse(await dump("dynamic_listeners")) as ListenerDump;
      const written = <T extends { metadata: { name: string } }>(policy: T) => ({
        ...policy,
        metadata: { ...policy.metadata, namespace: INGRESS },
      });
      const lag = policyLag(listeners, {
        access: policies.map(written),
        tokens: [written({ metadata: { name: NAMESPACE }, spec })],
      });
      if (lag !== undefined) {
        last = lag;
        return false;
      }
      const routes = JSON.parse(await dump("dynamic_route_configs")) as RouteConfigDump;
      return virtualServices.every(
        (spec, i) =>
          routeLag(routes, { namespace: NAMESPACE, name: `plan-${i}` }, expectedRoutes(spec)) === undefined,
      );
    }).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}: the gateway ${last ?? "has no route"}`);
    });
  });

  after(async () => {
    await kubectl(
      ...["-n", INGRESS, "delete", "--wait=false", "-l", "test=agreement"],
      "deployment,service,telemetry,requestauthentication,authorizationpolicy,envoyfilter",
    );
    await kubectl("delete", "namespace", NAMESPACE, "--wait=false", "--ignore-not-found");
  });

  /** The token of a request as a client shows it. Making one takes a millisecond, so each is made once. */
  const bearer = (() => {
    const [first] = issuers;
    assert.ok(first);
    const wrong = Object.entries(forgeries(first, foreign)).flatMap(([name, token]) =>
      name.endsWith("audience") ? [] : [token],
    );
    const made = new Map<string, string>();
    return ({ token }: SimulatedRequest, i: number): { authorization?: string } => {
      if (token === undefined) return {};
      if (token === "invalid") return { authorization: `Bearer ${wrong[i % wrong.length] ?? ""}` };
      const key = JSON.stringify(token);
      const by = issuers[ISSUERS.findIndex((name) => name === token.iss)] ?? foreign;
      const text = made.get(key) ?? by.token({ sub: undefined, ...token });
      made.set(key, text);
      return { authorization: `Bearer ${text}` };
    };
  })();

  async function ask(pool: Pool, request: SimulatedRequest, i: number): Promise<Answer> {
    const { method, path, host, headers } = request;
    const response = await pool.request({
      method,
      path,
      headers: {
        ...headers,
        ...{ host, "user-agent": `agreement-${i}`, ...bearer(request, i) },
      } as Record<string, string | string[]>,
    });
    return { status: response.statusCode, headers: response.headers, body: await response.body.text() };
  }

  /** What the gateway logs about the requests from `first` on, as soon as it has logged all of them. */
  async function logged(since: Date, first: number, count: number): Promise<Map<number, Logged>> {
    const lines = new Map<number, Logged>();
    await until("every request is logged", async () => {
      const [pod] = await pods();
      const log = await kubectl(
        ...["-n", INGRESS, "logs", pod?.metadata.name ?? "", `--since-time=${since.toISOString()}`],
      );
      for (const line of log.split("\n")) {
        const [, details = "", i = "", cluster = "", rule = ""] = LINE.exec(line) ?? [];
        if (i !== "" && Number(i) >= first) lines.set(Number(i), { details, cluster, rule });
      }
      return lines.size >= count;
    });
    return lines;
  }

  it(`says of ${PLANS * REQUESTS_OF_A_PLAN} requests to ${PLANS} plans what the gateway does with them`, async () => {
    const decide = compile(plan);
    const requests = Array.from({ length: PLANS }, (_, i) =>
      fc.sample(fc.noBias(simulatedRequest(hostOf(i))), {
        numRuns: REQUESTS_OF_A_PLAN,
        seed: seed - i,
      }),
    ).flat();
    const pool = new Pool(`http://10.88.0.1:${NODE_PORT}`, { connections: 32 });
    const kinds: Record<string, number> = {};
    const disagreements: string[] = [];
    try {
      for (let first = 0; first < requests.length; first += BATCH) {
        const batch = requests.slice(first, first + BATCH);
        const since = new Date(Date.now() - 2000);
        const answers: Answer[] = [];
        await Promise.all(
          Array.from({ length: 32 }, async (_, lane) => {
            for (let i = lane; i < batch.length; i += 32) {
              const request = batch[i];
              if (request) answers[i] = await ask(pool, request, first + i);
            }
          }),
        );
        const lines = await logged(since, first, batch.length);
        batch.forEach((request, i) => {
          const decision = decide(request);
          const kind = decision.kind === "denied" ? `${decision.status} ${decision.reason}` : decision.kind;
          kinds[kind] = (kinds[kind] ?? 0) + 1;
          const [answer, line] = [answers[i], lines.get(first + i)];
          assert.ok(answer && line);
          const found = seen(answer, line, decision);
          if (found !== shown(decision)) {
            disagreements.push(
              `${JSON.stringify(request)}\n  simulator: ${shown(decision)}\n  gateway:   ${found}`,
            );
          }
        });
      }
    } finally {
      await pool.close();
    }
    assert.deepEqual(
      disagreements.slice(0, 10),
      [],
      `${disagreements.length} of ${requests.length} requests:\n${disagreements.slice(0, 10).join("\n")}`,
    );
    // Each kind of decision has been put to the test.
    for (const kind of [
      ...["routed", "redirected", "answered", "preflight", "not found", "bad request"],
      ...["401 token", "403 token", "403 denied", "403 not allowed"],
    ]) {
      assert.ok((kinds[kind] ?? 0) >= 50, `${kind}: ${JSON.stringify(kinds)}`);
    }
  });
});
