import * as client from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { kubernetesAccess } from "../../components/kubernetes/cluster-access";

const { cache, resolve } = createRequire(__filename);
const KUBECONFIG = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  clusters: [],
  contexts: [],
  users: [],
});

describe("the bundle of the Kubernetes client", () => {
  const file = resolve("shopzier-mesh/dist/kubernetes-client.cjs");
  const loaded = cache[file];
  afterEach(() => {
    if (loaded) cache[file] = loaded;
    else Reflect.deleteProperty(cache, file);
  });

  it("is refused with its repair if it is older than the program and lacks an export", async () => {
    cache[file] = { loaded: true, exports: { KubeConfig: client.KubeConfig } } as unknown as NodeJS.Module;
    await assert.rejects(
      kubernetesAccess({ kubeconfig: KUBECONFIG }),
      /has no AdmissionregistrationV1Api, .*\nInstall shopzier-mesh again\. .* npm run bundle -w components$/,
    );
  });

  it("is used if it is complete", async () => {
    cache[file] = { loaded: true, exports: { ...client } } as unknown as NodeJS.Module;
    const access = await kubernetesAccess({ kubeconfig: KUBECONFIG });
    assert.equal(access.client, cache[file].exports);
  });
});
