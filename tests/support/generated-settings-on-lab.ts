import fc from "fast-check";
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { runProgram } from "./program";
import { generatedSettings, inQuotes, JWKS, type Generated } from "./generated-settings";
import { Certificates } from "./certificates";
import { baseline, envoyAdmin, gatewayPods, kubectl, tool, until } from "../../lab/harness";
import { rejectedSince, rejections } from "./rejections";

interface IstioObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels?: object };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Every Istio object that the program writes for some settings. */
async function istioObjects({ config }: Generated): Promise<IstioObject[]> {
  const run = await runProgram(
    Object.fromEntries(Object.entries(inQuotes(config)).map(([key, value]) => [`shopzier:${key}`, value])),
  );
  return run.resources
    .map(({ inputs }) => inputs as unknown as IstioObject)
    .filter(({ apiVersion }) => /\.istio\.io\//.test(apiVersion))
    .map(({ apiVersion, kind, metadata, spec }) => ({ apiVersion, kind, metadata, spec }));
}

/** The objects of each of some settings. */
async function objectsOf(sample: readonly Generated[]): Promise<IstioObject[][]> {
  // Pulumi notes a stack for every promise, which takes most of the time.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    const objects: IstioObject[][] = [];
    for (const generated of sample) objects.push(await istioObjects(generated));
    return objects;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

const LABEL = "shopzier-mesh/generated";
const GATEWAYS = "istio-ingress";

/**
 * The same object beside those of other settings: with hosts and names of its own, and apart from them where no proxy
 * has to get it. What selects the gateway's pods or those of the service stays with them.
 */
function apart(object: IstioObject, i: number): IstioObject {
  const { name, namespace } = object.metadata;
  const selects =
    "selector" in object.spec || "workloadSelector" in object.spec || object.kind === "AuthorizationPolicy";
  const stays = namespace === GATEWAYS || (namespace === "category" && selects);
  const to = stays ? namespace : `generated-${i}`;
  const own = JSON.parse(
    // istiod waits for issuers that do not answer, and all proxies with it: a minute and more with so many.
    JSON.stringify(object, (key, value: unknown) =>
      key === "jwtRules"
        ? (value as object[]).map((rule) => ({ ...rule, jwksUri: undefined, jwks: JWKS }))
        : value,
    )
      .replaceAll(/\bexample\.(com|net|org)\b/g, `example-${i}.$1`)
      .replaceAll("category.category", `category.generated-${i}`)
      // Servers name the namespace whose routes may bind to a host; the gateway's own is ".".
      .replaceAll(/"[a-z0-9][a-z0-9-]*\/(?=[^"/]*example-|\*")/g, `"generated-${i}/`)
      .replaceAll(`${GATEWAYS}/shop`, `${GATEWAYS}/generated-${i}-shop`)
      // A ConfigMap is read in the namespace of the rule only.
      .replaceAll(`configmap://${namespace}/`, `configmap://${to}/`),
  ) as IstioObject;
  return {
    ...own,
    metadata: { name: `generated-${i}-${name}`, namespace: to, labels: { [LABEL]: "true" } },
  };
}

/** Whether it is written for the lab's gateway and in the namespaces that {@link apart} knows. */
function isOfTheLab({ config }: Generated): boolean {
  const blocks = config as Readonly<
    Record<string, { readonly namespace?: unknown; readonly existing?: object }>
  >;
  const usual = (block: string, name: string): boolean => {
    const { namespace = name } = blocks[block] ?? {};
    return (typeof namespace === "object" ? (namespace as { name?: string }).name : namespace) === name;
  };
  return (
    blocks.gateway?.existing === undefined &&
    usual("gateway", GATEWAYS) &&
    usual("category", "category") &&
    usual("istio", "istio-system")
  );
}

/** Defines the tests of generated settings: of `validated` by istioctl, of `applied` on the lab. */
export function describeGeneratedSettings(title: string, validated: number, applied: number): void {
  describe(title, () => {
    const certificates = new Certificates();
    const { seed } = fc.readConfigureGlobal();
    const sample = fc.sample(generatedSettings, validated);

    const file = (name: string, items: readonly object[]): string => {
      const at = certificates.file(name);
      writeFileSync(at, items.map((item) => JSON.stringify(item)).join("\n---\n"));
      return at;
    };

    after(() => {
      certificates.remove();
    });

    it(`${validated} of them: istioctl takes every object`, async () => {
      const objects = await objectsOf(sample);
      assert.equal(objects.length, validated);
      assert.ok(objects.every((of) => of.length >= 5));
      // Told apart by a label, since the report names objects only.
      const named = objects.flatMap((of, i) =>
        of.map((o) => ({ ...o, metadata: { ...o.metadata, name: `${o.metadata.name}-${i}` } })),
      );
      const { exitCode, all } = await tool("istioctl", "validate", "-f", file("all.yaml", named));
      const errors = all.slice(all.indexOf("Error:"));
      const [wrong] = /\/\S+-(\d+): /.exec(errors)?.slice(1) ?? [];
      const settings = wrong === undefined ? undefined : sample[Number(wrong)]?.config;
      assert.equal(exitCode, 0, `SEED=${seed}\n${errors}\n${JSON.stringify(settings, null, 1)}`);
    });

    describe(`${applied} of them on the lab`, () => {
      let written: IstioObject[];
      let before_: ReadonlyMap<string, number>;

      before(async () => {
        await baseline();
        const fitting = sample.filter(isOfTheLab).slice(0, applied);
        assert.equal(fitting.length, applied);
        const objects = await objectsOf(fitting);
        written = objects.flatMap((of, i) => of.map((object) => apart(object, i)));
        before_ = await rejections();
      });
      after(async () => {
        const kinds = [
          ...new Set(written.map(({ apiVersion, kind }) => `${kind}.${apiVersion.split("/")[0] ?? ""}`)),
        ];
        const all = [...kinds, "secrets", "configmaps"].join(",");
        await kubectl("delete", all, "-A", "-l", LABEL, "--ignore-not-found");
        await kubectl("delete", "namespaces", "-l", LABEL, "--ignore-not-found", "--wait=false");
      });

      it("the API server and istiod take every object", async () => {
        const labels = { [LABEL]: "true" };
        await certificates.authority("generated");
        const [key, certificate] = ["key", "crt"].map((kind) => certificates.read(`generated.${kind}`));
        const stringData = { "tls.key": key, "tls.crt": certificate, "ca.crt": certificate };
        const names = JSON.stringify(written).matchAll(/"credentialName":"([^"]+)"/g);
        const credentials = [
          ...new Set([...names].map(([, name = ""]) => name.replace(/^kubernetes:\/\//, ""))),
        ].map((name) => {
          const [, namespace, configMap] = /^configmap:\/\/(.+)\/(.+)$/.exec(name) ?? [];
          return configMap === undefined
            ? {
                apiVersion: "v1",
                kind: "Secret",
                type: "kubernetes.io/tls",
                metadata: { name, namespace: GATEWAYS, labels },
                stringData,
              }
            : {
                apiVersion: "v1",
                kind: "ConfigMap",
                metadata: { name: configMap, namespace, labels },
                data: { "ca.crt": certificate },
              };
        });
        const namespaces = Array.from({ length: applied }, (_, i) => ({
          apiVersion: "v1",
          kind: "Namespace",
          metadata: { name: `generated-${i}`, labels },
        }));
        const objects = file("lab.yaml", [...namespaces, ...credentials, ...written]);
        const { exitCode, all } = await tool("kubectl", "apply", "-f", objects);
        assert.equal(exitCode, 0, `SEED=${seed}\n${all}`);
      });

      it("the gateway takes up every host, and no proxy refuses anything", async () => {
        const hosts = new Set(
          written
            .filter(({ kind }) => kind === "VirtualService")
            .flatMap(({ spec }) => spec.hosts as string[]),
        );
        const outside = [...hosts].filter((host) => host.includes("example-"));
        assert.ok(outside.length >= applied);
        const [pod] = await gatewayPods();
        assert.ok(pod);
        const dump = (query: string): Promise<string> =>
          envoyAdmin(GATEWAYS, pod.metadata.name, `config_dump?resource=${query}`);
        let missing: string[] = [];
        await until(
          "every host has its routes",
          async () => {
            const routes = await dump("dynamic_route_configs");
            missing = outside.filter((host) => !routes.includes(`"${host}"`));
            return missing.length === 0;
          },
          40,
        ).catch(() => undefined);
        const refused = await rejectedSince(before_);
        assert.deepEqual({ refused, missing }, { refused: [], missing: [] }, `SEED=${seed}`);
        for (const kind of ["dynamic_listeners", "dynamic_active_clusters"]) {
          const state = await dump(kind);
          assert.equal(state.match(/"error_state": \{[^}]*\}/)?.[0], undefined, `SEED=${seed} ${kind}`);
        }
        await until(`SEED=${seed}: every listener and cluster is warm`, async () => {
          const listeners = await dump("dynamic_listeners");
          const clusters = await dump("dynamic_warming_clusters");
          return !listeners.includes('"warming_state"') && !clusters.includes('"cluster"');
        });
      });
    });
  });
}
