/** The simulator and the VirtualServices in Istio's own repository: samples, test data and templates. */
import assert from "node:assert/strict";
import { execa } from "execa";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { compile } from "../../components/simulator/simulator";
import type { WrittenGateway, WrittenVirtualService } from "../../components/simulator/written-objects";

interface Read {
  readonly file: string;
  readonly services: readonly WrittenVirtualService[];
  readonly gateways: readonly WrittenGateway[];
}

interface Kind {
  readonly kind?: string;
}

/** Templates of Helm and of Go's tests: a tag on a line of its own is left out, any other is some text. */
const rendered = (text: string): string =>
  text.replaceAll(/^\s*\{\{[^}]*\}\}\s*$/gm, "").replaceAll(/\{\{[^}]*\}\}/g, "x1");

async function istioObjects(): Promise<Read[]> {
  const cwd = path.join(__dirname, "../../lab/toolchain/istio");
  const { stdout } = await execa("go", ["mod", "download", "-json", "istio.io/istio"], { cwd });
  const { Dir: folder } = JSON.parse(stdout) as { Dir: string };
  return globSync(`${folder}/**/*.{yaml,yml}`).flatMap((file): Read[] => {
    const text = readFileSync(file, "utf8");
    if (!text.includes("kind: VirtualService")) return [];
    const objects = parseAllDocuments(rendered(text)).flatMap((document): readonly (Kind | null)[] => {
      const object = document.toJS() as (Kind & { readonly items?: readonly Kind[] }) | null;
      return object?.items ?? [object];
    });
    const of = <T>(kind: string): T[] => objects.filter((object) => object?.kind === kind) as T[];
    return [
      {
        file: path.relative(folder, file),
        services: of<WrittenVirtualService>("VirtualService"),
        gateways: of<WrittenGateway>("Gateway").filter(({ spec }) => "servers" in spec),
      },
    ];
  });
}

const full = (host: string, namespace = "default"): string =>
  host.includes(".") ? host : `${host}.${namespace}.svc.cluster.local`;

describe("proof: the simulator and Istio's own VirtualServices", () => {
  it("reads all of them, and decides by each rule or names what it does not look at", async () => {
    const files = await istioObjects();
    const counts = { objects: 0, requests: 0, named: 0 };
    for (const { file, services, gateways } of files) {
      counts.objects += services.length;
      const proxies = [undefined, { namespace: "default" }, { namespace: "istio-system", gateways }];
      for (const service of services) {
        const { hosts, http, tcp, tls } = service.spec;
        const requests = (hosts ?? []).flatMap((host) =>
          (http ?? [{}])
            .flatMap(({ match }) => match ?? [{}])
            .map(({ uri, method, ...others }) => ({
              request: {
                ...({
                  method: method?.exact ?? "GET",
                  scheme: "http",
                  path: uri?.exact ?? uri?.prefix ?? "/",
                } as const),
                host: full(host.replace("*", "some.where"), service.metadata.namespace),
              },
              plain: Object.keys(others).length === 0 && uri?.regex === undefined,
            })),
        );
        for (const proxy of proxies) {
          const decide = compile({ virtualServices: services, ...(proxy && { proxy }) });
          for (const { request } of requests) decide(request);
        }
        const alone = compile({ virtualServices: [service] });
        const delegates = http?.some(({ delegate }) => delegate) || undefined;
        for (const { request, plain } of requests) {
          const { kind, notLookedAt = [] } = alone(request);
          const place = `${file} ${service.metadata.name} ${JSON.stringify(request)}`;
          if (plain && http && !delegates) assert.notEqual(kind, "not found", place);
          if (tcp ?? tls ?? delegates) assert.ok(notLookedAt.length > 0, place);
          counts.requests++;
          if (notLookedAt.length > 0) counts.named++;
        }
      }
    }

    assert.ok(counts.objects >= 166 && counts.requests > 200 && counts.named > 20, JSON.stringify(counts));
  });
});
