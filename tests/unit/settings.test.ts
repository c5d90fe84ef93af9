import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import Ajv from "ajv/dist/2020";
import fc from "fast-check";
import { parse } from "yaml";
import { documents } from "../../docs/generate";
import { parseSettings, SettingsError, type Reported, type Settings } from "../../stacks/config/settings";
import { effectiveShares } from "../../components/traffic/weights";
import { configuration } from "../../stacks/config/schema/configuration";
import { STACKS } from "../support/program";
import {
  RIGHT_SETTINGS,
  stackFileConfig,
  wrongConfig,
  wrongText,
  WRONG_SETTINGS,
} from "../../docs/wrong-settings";

const PROJECT = path.join(__dirname, "../..");
const read = (file: string): string => readFileSync(path.join(PROJECT, file), "utf8");

type Config = Record<string, unknown>;

function problemsOf(config: Config, stack = "dev", file?: string): readonly Reported[] {
  try {
    parseSettings(config, stack, file);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
}

const small = (overrides: Config = {}): Config => ({ ...RIGHT_SETTINGS.dev, ...overrides });

describe("settings: reports", function () {
  this.timeout("20s");

  const entries = WRONG_SETTINGS.flatMap(({ entries }) => entries);

  it("number at least forty, each with its own title", () => {
    assert.ok(entries.length >= 40, `${entries.length} entries`);
    assert.equal(new Set(entries.map(({ title }) => title)).size, entries.length);
  });

  it("come from stack files that are valid except for the lines shown", () => {
    for (const [stack, config] of Object.entries(RIGHT_SETTINGS))
      assert.deepEqual(problemsOf(config, stack), []);
  });

  for (const { name, entries } of WRONG_SETTINGS) {
    describe(name, () => {
      for (const entry of entries) {
        const stack = entry.stack ?? "dev";
        it(entry.title, () => {
          const problems = problemsOf(wrongConfig(entry), stack, wrongText(entry));
          const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
          assert.throws(() => parseSettings(wrongConfig(entry), stack, wrongText(entry)), {
            name: "SettingsError",
            message: `The configuration of stack ${stack} has ${count}.\n\n${entry.report.trimEnd()}`,
          });
        });
      }
    });
  }

  it("lead to a valid stack file if their commands are run", () => {
    let repaired = 0;
    for (const entry of entries) {
      const stack = entry.stack ?? "dev";
      const config = asObjects(wrongConfig(entry));
      let problems = problemsOf(config, stack);
      if (problems.some(({ repairs }) => !/pulumi config/.test(repairs[0] ?? ""))) continue;
      for (let round = 0; round < 3 && problems.length > 0; round++) {
        for (const { repairs } of problems) run(repairs[0] ?? "", config, stack);
        problems = problemsOf(config, stack);
      }
      assert.deepEqual(problems, [], entry.title);
      repaired++;
    }
    assert.ok(repaired >= 60, `${repaired} entries have commands for all problems`);
  });

  it("lead to a valid stack file by each of several alternatives", () => {
    let tried = 0;
    for (const entry of entries) {
      const stack = entry.stack ?? "dev";
      const [problem, ...others] = problemsOf(asObjects(wrongConfig(entry)), stack);
      if (others.length > 0) continue;
      for (const alternative of problem?.repairs.slice(1) ?? []) {
        if (!/pulumi config/.test(alternative)) continue;
        const config = asObjects(wrongConfig(entry));
        run(alternative, config, stack);
        for (let round = 0; round < 3; round++)
          for (const { repairs } of problemsOf(config, stack)) run(repairs[0] ?? "", config, stack);
        assert.deepEqual(problemsOf(config, stack), [], `${entry.title}: ${alternative}`);
        tried++;
      }
    }
    assert.ok(tried >= 30, `${tried} alternatives`);
  });

  it("number the problems of one path", () => {
    const problem = { code: "SM0101", path: "shopzier:a", found: "b", allowed: "c", repairs: ["d"] };
    const { message } = new SettingsError("dev", [
      problem,
      { ...problem, found: "e" },
      { ...problem, path: "f" },
    ]);
    assert.match(message, /^shopzier:a \(1 of 2\) \[SM0101\]\n {2}found: {3}b$/m);
    assert.match(message, /^shopzier:a \(2 of 2\) \[SM0101\]\n {2}found: {3}e$/m);
    assert.match(message, /^f \[SM0101\]\n/m);
  });

  it("show examples that are valid at their path", () => {
    let tried = 0;
    for (const entry of entries) {
      const stack = entry.stack ?? "dev";
      for (const { path, repairs } of problemsOf(asObjects(wrongConfig(entry)), stack)) {
        const lines = repairs.flatMap((repair) => repair.split("in the stack file, for example: ").slice(1));
        for (const line of lines) {
          const config = asObjects(wrongConfig(entry));
          const [value] = Object.values(parse(line) as object) as unknown[];
          run(`pulumi config set --stack ${stack} --path '${path}' example`, config, stack, value);
          assert.deepEqual(
            problemsOf(config, stack).filter((left) => left.path.startsWith(path)),
            [],
            `${entry.title}: ${line}`,
          );
          tried++;
        }
      }
    }
    assert.ok(tried >= 12, `${tried} examples`);
  });

  it("remove only the key that was set without --path", () => {
    const paths = [
      "traffic.weights.v2",
      "gateway.x",
      'traffic["weights"].v2',
      "category.versions[0]",
      "istio.tag",
    ];
    for (const key of paths) {
      const config = small({ [key]: "30" });
      const problems = problemsOf(config);
      assert.equal(problems.length, 1, key);
      for (const { repairs } of problems) run(repairs[0] ?? "", config, "dev");
      assert.deepEqual(config, small(), key);
    }
  });

  it("set it at the intended path, unless it may be a secret", () => {
    const config = structuredClone(small({ "traffic.weights.v2": "30" }));
    run(problemsOf(config)[0]?.repairs[1] ?? "", config, "dev");
    assert.deepEqual(config, small({ traffic: { weights: { v1: "rest", v2: 30 } } }));
    for (const key of ["category.versions.v1.env.A", "category.admin.password", "password.x"])
      assert.deepEqual(problemsOf(small({ [key]: "hunter2" }))[0]?.repairs.length, 1, key);
  });

  it("have a repair for each problem", () => {
    for (const entry of entries) {
      const stack = entry.stack ?? "dev";
      for (const { path, repairs } of problemsOf(wrongConfig(entry), stack))
        assert.ok(repairs.length > 0, `${entry.title}: ${path}`);
    }
  });

  it("do not depend on the order of keys", () => {
    fc.assert(
      fc.property(fc.constantFrom(...entries), fc.infiniteStream(fc.nat()), (entry, order) => {
        const config = asObjects(wrongConfig(entry));
        assert.deepEqual(problemsOf(shuffled(config, order) as Config), problemsOf(config));
      }),
    );
  });

  it("show no value of the environment, of an unknown key or of broken text", () => {
    const secret = "a-value-not-to-be-shown";
    const configs: Config[] = [
      small({ category: { ...(RIGHT_SETTINGS.dev.category as Config), password: secret } }),
      small({ [`secret`]: secret }),
      small({ category: `{"host": "${secret}",` }),
      small({ gateway: [secret] }),
      small({ istio: { values: { istiod: [secret] } } }),
      small({
        category: {
          host: "shop.example.com",
          versions: {
            v1: { image: "a:1", env: { A: { b: secret } } },
            v2: { image: "a:1", env: { C: [secret] } },
          },
        },
      }),
    ];
    for (const config of configs) {
      assert.throws(
        () => parseSettings(config, "dev"),
        (error: Error) => error instanceof SettingsError && !error.message.includes(secret),
      );
    }
  });

  it("list every required key for an empty configuration", () => {
    assert.deepEqual(
      problemsOf({}).map((problem) => problem.path),
      ["shopzier:category.host", "shopzier:category.versions", "shopzier:traffic.weights"],
    );
  });

  it("are produced for any input", () => {
    const keys = Object.keys(configuration.shape);
    const anything = fc.dictionary(
      fc.constantFrom(...keys, "__proto__", "constructor"),
      fc.jsonValue({ maxDepth: 4 }),
    );
    fc.assert(fc.property(anything, (config) => void problemsOf(config)));
  });
});

describe("settings: parsed values", function () {
  this.timeout("20s");

  it("fills in the defaults", () => {
    const expected: Settings = {
      production: false,
      istio: {
        install: true,
        namespace: { name: "istio-system", create: true },
        version: "1.31.4",
        charts: { repository: "https://blob.istio.io/istio-release/charts" },
        controlPlane: {},
        values: {},
      },
      gateway: {
        namespace: { name: "istio-ingress", create: true },
        serviceType: "LoadBalancer",
        tlsTermination: "gateway",
        http: true,
        drain: 30,
      },
      category: {
        host: "shop.example.com",
        aliases: [],
        namespace: { name: "category", create: true },
        port: 8080,
        profile: "category-api",
        versions: {
          v1: { image: "registry.example.com/category-api:1.0.0", env: {} },
          v2: { image: "registry.example.com/category-api:1.0.0", env: {} },
        },
        drain: 25,
      },
      traffic: {
        weights: { v1: 80, v2: 20 },
        maxStep: undefined,
        policies: {},
        rules: [],
        circuitBreaker: undefined,
        globalRateLimit: undefined,
        sticky: undefined,
        versions: {},
      },
      loadBalancer: "LEAST_REQUEST",
      observability: {
        metrics: { source: "istio", customization: {} },
        objectives: {
          objective: { availability: 99.9, latency: { withinMs: 500, percent: 99 } },
          fast: { long: 3600, short: 300 },
          slow: { long: 21_600, short: 1800 },
        },
        dashboards: false,
      },
      security: {
        mtls: { mode: "STRICT", namespaces: {} },
        trustedProxies: 0,
        networkPolicies: { enabled: true, scrapers: ["prometheus"] },
      },
      propagation: { wait: true, timeout: 60 },
      warnings: [],
    };
    assert.deepEqual(parseSettings(small(), "dev"), expected);
  });

  it("accepts numbers and switches as text if they are exact", () => {
    const settings = parseSettings(
      small({
        production: "false",
        gateway: { replicas: "3", http: "true", nodePorts: { http: "30080" } },
        traffic: { weights: { v1: "79.5", v2: "20.50" } },
        propagation: { wait: "false", timeout: "1m30s" },
      }),
      "dev",
    );
    assert.equal(settings.gateway.replicas, 3);
    assert.deepEqual(settings.traffic.weights, { v1: 79.5, v2: 20.5 });
    assert.deepEqual(settings.propagation, { wait: false, timeout: 90 });
  });

  it("accepts objects as JSON text, and a key without value as absent", () => {
    const text = Object.fromEntries(
      Object.entries(small()).map(([key, value]) => [key, JSON.stringify(value)]),
    );
    assert.deepEqual(
      parseSettings({ ...text, gateway: "", istio: null }, "dev"),
      parseSettings(small(), "dev"),
    );
  });

  it("reads a consistent hash", () => {
    const hash = (consistentHash: Config): unknown =>
      parseSettings(small({ loadBalancer: { consistentHash } }), "dev").loadBalancer;
    assert.deepEqual(hash({ httpCookie: { name: "s", path: "/", ttl: "0s" } }), {
      consistentHash: { httpCookie: { name: "s", path: "/", ttlMs: 0 } },
    });
    assert.deepEqual(hash({ sourceIp: "true", maglev: { tableSize: "65537" } }), {
      consistentHash: { sourceIp: true, maglev: { tableSize: 65537 } },
    });
    assert.deepEqual(hash({ queryParameter: "user", ringHash: {} }), {
      consistentHash: { queryParameter: "user", ringHash: {} },
    });
  });

  it("redirects to HTTPS by default if port 80 is open", () => {
    const redirect = (gateway: Config): unknown =>
      parseSettings(small({ gateway }), "dev").gateway.tls?.redirect;
    assert.equal(redirect({ tls: { credentialName: "c" } }), true);
    assert.equal(redirect({ http: false, tls: { credentialName: "c" } }), false);
    assert.equal(redirect({ tls: { credentialName: "c", redirect: false } }), false);
  });

  it("accepts image references of every form", () => {
    const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
    for (const image of [
      "nginx",
      "nginx:1.29",
      "library/nginx",
      "localhost:5000/a/b_c/d--e:V1.0_x",
      `Registry.example.com/a@${digest}`,
      `registry.example.com:443/a:1@${digest}`,
    ]) {
      const versions = { v1: { image }, v2: { image } };
      assert.deepEqual(problemsOf(small({ category: { host: "*", versions } })), [], image);
    }
    for (const image of ["", "a b", "a:", "a@sha256:12", "/a", "a//b", "-a", "a:tag:tag", ":1"]) {
      const versions = { v1: { image }, v2: { image: "a" } };
      assert.equal(problemsOf(small({ category: { host: "*", versions } })).length, 1, image);
    }
  });

  it("accepts in production a digest without tag, and a version without traffic with one pod", () => {
    const prod = RIGHT_SETTINGS.prod;
    const digest = `registry.example.com/a@sha256:${"0".repeat(64)}`;
    const category = {
      host: "shop.example.com",
      versions: { v1: { image: digest, replicas: 2 }, v2: { image: digest } },
    };
    const traffic = { weights: { v1: 100, v2: 0 } };
    assert.deepEqual(problemsOf({ ...prod, category, traffic }), []);
  });

  it("warns of an Istio version without support, and of the ring hash of 1.30.0", () => {
    const warnings = (version: string, loadBalancer: unknown = "RANDOM"): readonly string[] =>
      parseSettings(small({ istio: { version }, loadBalancer }), "dev").warnings;
    assert.deepEqual(warnings("1.31.4"), []);
    assert.deepEqual(warnings("1.32.0"), []);
    assert.deepEqual(warnings("1.30.3"), []);
    assert.match(warnings("1.29.6").join(), /no support and no security fixes since 2026-10-12/);
    assert.match(warnings("1.30.0", { consistentHash: { sourceIp: true } }).join(), /ring/);
    assert.deepEqual(warnings("1.30.1", { consistentHash: { sourceIp: true } }), []);
  });

  it("warns of a redirect that leads clients of a node port to a port of another scheme", () => {
    const warned = (gateway: object, redirect: object = { scheme: "https" }): string => {
      const rules = [{ name: "secure", match: { path: "/api/v1/category" }, redirect }];
      const traffic = { weights: { v1: 100, v2: 0 }, rules };
      return parseSettings(small({ gateway, traffic }), "dev").warnings.join();
    };
    const node = { serviceType: "NodePort", address: "10.0.0.1" };
    const tls = { credentialName: "shop-tls", redirect: false };
    const path = "shopzier:traffic.rules[0].redirect.port: ";
    assert.ok(warned({ ...node, tls }).startsWith(path));
    assert.match(warned({ ...node, tls }), /set it to 30443/);
    assert.match(warned({ ...node, tls, nodePorts: { https: 31443 } }), /set it to 31443/);
    assert.equal(warned({ ...node, tls }, { scheme: "https", port: 30443 }), "");
    assert.equal(warned({ ...node, tls }, { host: "a.example.com", scheme: "https" }), "");
    assert.equal(warned({ tls }), "");
    assert.equal(warned(node), "");
  });

  it("accepts charts of an OCI registry, and warns of those over plain HTTP", () => {
    const parse = (charts: string): Settings =>
      parseSettings(small({ istio: { charts }, observability: { jaeger: { charts } } }), "dev");
    for (const url of ["oci://registry.example.com/charts", "https://charts.example.com", "charts"])
      assert.deepEqual(parse(url).warnings, []);
    assert.deepEqual(parse("oci://registry.example.com/charts").istio.charts, {
      repository: "oci://registry.example.com/charts",
    });
    assert.deepEqual(
      parse("http://charts.example.com").warnings.map((warning) => warning.split(" ")[0]),
      ["shopzier:istio.charts", "shopzier:observability.jaeger.charts"],
    );
  });

  it("warns of mirrors to a version that gets all requests", () => {
    const mirror = { to: "v2" };
    const traffic = {
      weights: { v1: 0, v2: 100 },
      mirror,
      rules: [
        { name: "a", match: {}, to: "v2", mirror },
        { name: "b", match: {}, weights: { v1: 50, v2: 50 }, mirror },
      ],
    };
    const { rules, ...rest } = traffic;
    assert.deepEqual(
      parseSettings(small({ traffic: { ...rest, rules: rules.slice(0, 1) } }), "dev").warnings.map(
        (warning) => warning.split(" ")[0],
      ),
      ["shopzier:traffic.mirror", "shopzier:traffic.rules[0].mirror"],
    );
    const split = { ...rest, weights: { v1: 100, v2: 0 }, rules: rules.slice(1) };
    assert.deepEqual(parseSettings(small({ traffic: split }), "dev").warnings, []);
  });

  it("is deeply frozen", () => {
    const frozen = (value: unknown): boolean =>
      typeof value !== "object" ||
      value === null ||
      (Object.isFrozen(value) && Object.values(value).every((inner) => frozen(inner)));
    assert.ok(frozen(parseSettings(small({ istio: { values: { istiod: { a: { b: [{}] } } } } }), "dev")));
  });
});

describe("settings: properties", function () {
  this.timeout("20s");

  it("keeps the written values", () => {
    fc.assert(
      fc.property(rightConfig(), (config) => {
        const settings = parseSettings(config, "dev");
        assert.deepEqual(settings.traffic.weights, effectiveShares(config.traffic.weights));
        assert.equal(settings.category.host, config.category.host);
        for (const [name, version] of Object.entries(config.category.versions)) {
          const kept = settings.category.versions[name];
          assert.equal(kept?.image, version.image);
          assert.deepEqual(kept.env, version.env);
          assert.deepEqual(
            kept.replicas ?? kept.autoscaler?.maxReplicas,
            version.replicas ?? version.autoscaler?.maxReplicas,
          );
        }
        assert.equal(
          Object.values(settings.traffic.weights).reduce((sum, s) => sum + Math.round(s * 100), 0),
          10_000,
        );
      }),
    );
  });

  it("is the same for numbers and switches as text", () => {
    fc.assert(
      fc.property(rightConfig(), (config) => {
        assert.deepEqual(parseSettings(scalarsAsText(config) as Config, "dev"), parseSettings(config, "dev"));
      }),
    );
  });

  it("is the same, in the same order, for any order of keys", () => {
    fc.assert(
      fc.property(rightConfig(), fc.infiniteStream(fc.nat()), (config, order) => {
        const a = parseSettings(config, "dev");
        const b = parseSettings(shuffled(config, order) as Config, "dev");
        assert.deepEqual(b, a);
        assert.equal(
          JSON.stringify([b.traffic, b.category.versions]),
          JSON.stringify([a.traffic, a.category.versions]),
        );
      }),
    );
  });

  it("is accepted by the schema for editors too", () => {
    const validate = stackFileValidator();
    fc.assert(
      fc.property(rightConfig(), (config) => {
        assert.ok(validate(stackFile(config)), JSON.stringify(validate.errors));
      }),
    );
  });
});

describe("stack files", function () {
  this.timeout("20s");

  const files = readdirSync(PROJECT).filter((file) => /^Pulumi\..+\.yaml$/.test(file));
  const stackOf = (file: string): string => file.slice("Pulumi.".length, -".yaml".length);

  it("are those that the tests know", () => {
    assert.deepEqual(files.map(stackOf).sort(), [...STACKS].sort());
  });

  for (const file of files) {
    it(`${file} is valid, for the program and for editors`, () => {
      assert.deepEqual(problemsOf(stackFileConfig(read(file)), stackOf(file)), []);
      const validate = stackFileValidator();
      assert.ok(validate(parse(read(file))), JSON.stringify(validate.errors));
      assert.match(read(file), /^# yaml-language-server: \$schema=\.\/docs\/stack\.schema\.json\n/);
    });
  }

  it("keep the checks for production, and the lab's values for plain Envoy", () => {
    assert.equal(parseSettings(stackFileConfig(read("Pulumi.prod.yaml")), "prod").production, true);
    const lab = parseSettings(stackFileConfig(read("Pulumi.lab.yaml")), "lab");
    assert.deepEqual(lab.istio.values, {
      istiod: {
        env: {
          PILOT_ENABLE_METADATA_EXCHANGE: "false",
          PILOT_ENABLE_ALPN_FILTER: "false",
          PILOT_DISABLE_MX_ALPN: "true",
        },
        telemetry: { enabled: false },
        meshConfig: { defaultProviders: { metrics: [] } },
      },
    });
  });

  it("have one documented key in Pulumi.yaml for each setting", () => {
    const declared = parse(read("Pulumi.yaml")) as {
      config: Record<string, { description?: string; type?: string }>;
    };
    // A key with a colon belongs to a provider.
    const config = Object.fromEntries(Object.entries(declared.config).filter(([key]) => !key.includes(":")));
    // A block that switches something on has no default, and Pulumi would ask for a value of a declared key without one.
    const withDefaults = Object.keys(configuration.shape).filter((key) => key !== "gate");
    assert.deepEqual(Object.keys(config), withDefaults);
    for (const [key, { description, type }] of Object.entries(config)) {
      assert.ok(description, key);
      assert.equal(type, undefined, `${key}: the CLI would check the type, and report that alone`);
    }
    const defaults: Config = Object.fromEntries(
      Object.entries(config).map(([key, declared]) => [key, (declared as { default: unknown }).default]),
    );
    assert.deepEqual(parseSettings({ ...defaults, ...small() }, "dev"), parseSettings(small(), "dev"));
  });
});

describe("generated documents", function () {
  this.timeout("20s");

  it("are current (npm run docs)", () => {
    for (const [file, text] of Object.entries(documents())) assert.equal(read(file), text, file);
  });

  it("refuse in an editor what the program refuses", () => {
    const validate = stackFileValidator();
    const refused: Config[] = [
      { trafic: {} },
      { loadBalancer: "LEAST_CONN" },
      { loadBalancer: { consistentHash: { useSourceIp: true } } },
      { gateway: { replica: 2 } },
      { gateway: { drain: "30" } },
      { gateway: { nodePorts: { http: 80 } } },
      { traffic: { weights: { v1: "many" } } },
      { category: { host: "shop.example.com" } },
      { category: { host: "https://shop.example.com", versions: {} } },
      { production: "yes" },
    ];
    for (const config of refused) {
      assert.ok(!validate(stackFile(small(config))), JSON.stringify(config));
      assert.notEqual(problemsOf(small(config)).length, 0, JSON.stringify(config));
    }
    assert.ok(!validate({ config: { "shopzier:category": RIGHT_SETTINGS.dev.category } }), "no traffic");
    assert.ok(validate({ config: { ...(stackFile(small()).config as Config), "kubernetes:context": "a" } }));
  });
});

interface RightConfig extends Config {
  readonly category: {
    readonly host: string;
    readonly versions: Readonly<
      Record<
        string,
        {
          readonly image: string;
          readonly replicas?: number;
          readonly autoscaler?: { readonly maxReplicas: number };
          readonly env: Readonly<Record<string, string>>;
        }
      >
    >;
  };
  readonly traffic: { readonly weights: Readonly<Record<string, number | "rest">> };
}

/** Any valid configuration. */
function rightConfig(): fc.Arbitrary<RightConfig> {
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
  const autoscaler = fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.nat({ max: 9 }), fc.integer({ min: 1, max: 100 }))
    .map(([minReplicas, more, targetCpuPercent]) => ({
      minReplicas,
      maxReplicas: minReplicas + more,
      targetCpuPercent,
    }));
  const scale = fc.oneof(fc.record({ replicas: fc.integer({ min: 1, max: 9 }) }), fc.record({ autoscaler }));
  const amounts = (cpu: readonly (string | number)[], memory: readonly string[]) =>
    fc.record({ cpu: fc.constantFrom(...cpu), memory: fc.constantFrom(...memory) }, { requiredKeys: [] });
  const resources = fc.record(
    {
      requests: amounts(["100m", "1", 1, "0.5"], ["256Mi", "0.5Gi", "1M", "128k"]),
      limits: amounts(["1", 2, "1500m"], ["1Gi", "1.5Gi", "1T"]),
    },
    { requiredKeys: [] },
  );
  const measured = { requests: { cpu: "100m" } };
  const duration = fc.constantFrom("5s", "7000ms", "30s", "1m30s", "0.5m", "1h");
  const version = fc
    .tuple(
      scale,
      fc.record(
        {
          image: fc.constantFrom("registry.example.com/category-api:1.0.0", "localhost:5000/a"),
          env: fc.dictionary(fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/), fc.string(), {
            noNullPrototype: true,
          }),
          resources,
          readinessPath: fc.constant("/ready"),
        },
        { requiredKeys: ["image", "env"] },
      ),
    )
    .map(([pods, rest]) => ({
      ...pods,
      ...rest,
      // An autoscaler measures in relation to the requested CPU.
      ...("autoscaler" in pods && rest.resources && { resources: { ...rest.resources, ...measured } }),
    }));
  const algorithm = fc.constantFrom("ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "PASSTHROUGH");
  const hash = fc
    .tuple(
      fc.constantFrom(
        { httpHeader: "x-user" },
        { httpCookie: { name: "s", ttl: "0s" } },
        { sourceIp: true },
        { queryParameter: "q" },
      ),
      fc.constantFrom({}, { ringHash: { minimumRingSize: 2048 } }, { maglev: { tableSize: 251 } }),
    )
    .map(([key, how]) => ({ consistentHash: { ...key, ...how } }));
  const gateway = fc.tuple(
    scale,
    fc.record(
      { http: fc.constant(true), tls: fc.record({ credentialName: label }), drain: duration, resources },
      { requiredKeys: [] },
    ),
    fc.constantFrom(
      {},
      { serviceType: "ClusterIP" },
      { serviceType: "NodePort", address: "10.0.0.1", nodePorts: { http: 30080 } },
      { serviceType: "LoadBalancer", nodePorts: { http: 30080, https: 30443 } },
    ),
  );
  return fc.uniqueArray(label, { minLength: 1, maxLength: 5 }).chain((names) =>
    fc
      .tuple(
        fc.tuple(...names.map(() => version)),
        fc.array(fc.nat({ max: 10_000 }), { minLength: names.length - 1, maxLength: names.length - 1 }),
        fc.option(fc.nat({ max: names.length - 1 })),
        fc.record(
          {
            loadBalancer: fc.oneof(algorithm, hash),
            gateway: gateway.map((parts) => Object.assign({}, ...parts) as Config),
            propagation: fc.record({ wait: fc.boolean(), timeout: duration }, { requiredKeys: [] }),
            istio: fc.record(
              {
                version: fc.constantFrom("1.32.0", "1.31.4", "1.30.6", "1.29.2"),
                charts: fc.constantFrom(".lab/charts", "https://charts.example.com/istio"),
                controlPlane: fc.oneof(fc.constant({}), scale),
              },
              { requiredKeys: [] },
            ),
          },
          { requiredKeys: [] },
        ),
      )
      .map(([versions, cuts, rest, others]) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), 10_000];
        const weight = (i: number): number | "rest" =>
          i === rest ? "rest" : ((edges[i + 1] ?? 0) - (edges[i] ?? 0)) / 100;
        return {
          ...others,
          category: {
            host: "shop.example.com",
            versions: Object.fromEntries(
              names.map((name, i) => [name, versions[i] ?? { image: "a", env: {} }]),
            ),
          },
          traffic: { weights: Object.fromEntries(names.map((name, i) => [name, weight(i)])) },
        };
      }),
  );
}

/** `value` with the keys of every object in another order. */
function shuffled(value: unknown, order: fc.Stream<number>): unknown {
  if (Array.isArray(value) || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, inner]) => ({ key, inner: shuffled(inner, order), place: Number(order.next().value) }))
      .sort((a, b) => a.place - b.place)
      .map(({ key, inner }) => [key, inner]),
  );
}

function scalarsAsText(value: unknown): unknown {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, scalarsAsText(inner)]));
}

function asObjects(config: Config): Config {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key,
      typeof value === "string" && value.startsWith("{") ? (JSON.parse(value) as unknown) : value,
    ]),
  );
}

/** Applies a `pulumi config` command to `config`. */
function run(repair: string, config: Config, stack: string, other?: unknown): void {
  const steps = repair.split(" && ");
  if (steps.length > 1) {
    for (const step of steps) run(step, config, stack);
    return;
  }
  const command = repair.replace(/^for example: /, "");
  const [, verb, of, at, value] =
    /^pulumi config (set|rm) --stack (\S+) (?:--path )?'shopzier:(.+?)'(?: '?(.*?)'?)?$/.exec(command) ?? [];
  assert.ok(verb !== undefined && at !== undefined, command);
  assert.equal(of, stack, command);
  const keys = command.includes(" --path ")
    ? [...at.matchAll(/\["(.*?)"\]|[^.[\]]+/g)].map(([key, quoted]) => quoted ?? key)
    : [at];
  const last = keys.pop() ?? "";
  let target: Config = config;
  for (const key of keys) target = (target[key] ??= {}) as Config;
  if (verb === "rm" && Array.isArray(target)) target.splice(Number(last), 1);
  else if (verb === "rm") Reflect.deleteProperty(target, last);
  else if (other !== undefined) target[last] = other;
  else target[last] = value !== undefined && /^-?\d+$/.test(value) ? Number(value) : value;
}

function stackFile(config: Config): Config {
  return {
    config: Object.fromEntries(Object.entries(config).map(([key, value]) => [`shopzier:${key}`, value])),
  };
}

let validator: ReturnType<Ajv["compile"]> | undefined;

function stackFileValidator(): ReturnType<Ajv["compile"]> {
  return (validator ??= new Ajv({ strict: true, allowUnionTypes: true }).compile(
    JSON.parse(read("docs/stack.schema.json")) as object,
  ));
}
