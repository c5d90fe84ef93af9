import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { parseSettings } from "../../apps/category-api/src/settings";
import { POOL_SIZE } from "../../components/category/database-connections";
import { runProgram, stackConfig, type Registered, type Run } from "../support/program";

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

interface PodSpec {
  readonly initContainers?: readonly Readonly<Record<string, unknown> & { command: string[] }>[];
  readonly containers: readonly Readonly<Record<string, unknown>>[];
}

const find = (run: Run, name: string): Registered => {
  const found = run.resources.find((resource) => resource.name === name);
  assert.ok(found, name);
  return found;
};

async function runWith(category: object): Promise<Run> {
  const config = stackConfig("dev");
  const merged = { ...(config["shopzier:category"] as object), ...category };
  return runProgram({ ...config, "shopzier:category": merged }, { stack: "lab" });
}

/** Variables of a version's container that come from Secrets. */
function secrets(run: Run, version: string): Record<string, string> {
  const { spec } = find(run, `category-versions-${version}-deployment`).inputs as {
    spec: { template: { spec: { containers: [{ env: Variable[] }] } } };
  };
  const { env } = spec.template.spec.containers[0];
  return Object.fromEntries(
    env.flatMap(({ name, valueFrom }) =>
      valueFrom ? [[name, `${valueFrom.secretKeyRef.name}/${valueFrom.secretKeyRef.key}`]] : [],
    ),
  );
}

/** Decoded text that is marked as a secret for the engine. */
function secretData(run: Run, key: string): string {
  const { data } = find(run, "category-database-secret").inputs as {
    data: Record<string, unknown>;
  };
  const { value, ...signature } = (pulumi.runtime.isRpcSecret(data) ? data : data[key]) as {
    value: string | Record<string, string>;
  };
  assert.ok(pulumi.runtime.isRpcSecret({ value, ...signature }), "it is a secret");
  return Buffer.from((typeof value === "string" ? value : value[key]) ?? "", "base64").toString();
}

const below = (run: Run, parent: string): Registered[] =>
  run.resources.filter(({ name }) => name === parent || name.startsWith(`${parent}-`));

describe("the database of the category API", function () {
  this.timeout(30_000);

  it("is not created by default", async () => {
    const run = await runWith({});
    assert.deepEqual(below(run, "category-database"), []);
    assert.deepEqual(secrets(run, "v1"), {});
  });

  it("elsewhere is passed to the pods by a Secret only, and so are the administrators", async () => {
    const run = await runWith({
      database: { url: { secret: "shop-database", key: "uri" } },
      admin: { secret: "category-admin" },
    });
    assert.deepEqual(below(run, "category-database"), []);
    for (const version of ["v1", "v2"]) {
      assert.deepEqual(secrets(run, version), {
        DATABASE_URL: "shop-database/uri",
        ADMIN_PASSWORD: "category-admin/password",
        JWT_SECRET: "category-admin/jwt-secret",
      });
    }
  });

  describe("in the cluster", () => {
    let run: Run;
    before(async () => {
      run = await runWith({
        database: {
          server: { image: "lab.internal/postgres:15", volume: { size: "1Gi", storageClass: "fast" } },
        },
      });
    });

    it("has a server with a volume, and its password only in the pods' Secret", () => {
      const password = secretData(run, "password");
      assert.match(password, /^[\w-]{32}$/);
      assert.equal(
        secretData(run, "url"),
        `postgres://category:${password}@category-database.category.svc:5432/category`,
      );
      assert.deepEqual(secrets(run, "v2"), { DATABASE_URL: "category-database/url" });
      for (const { name, inputs } of run.resources) {
        if (name !== "category-database-secret") {
          assert.ok(!JSON.stringify(inputs).includes(password), name);
        }
      }
      assert.ok(!JSON.stringify(run.outputs).includes(password));
      const { spec } = find(run, "category-database-server").inputs as {
        spec: { volumeClaimTemplates: unknown[]; template: { spec: { volumes: { name: string }[] } } };
      };
      assert.deepEqual(spec.volumeClaimTemplates, [
        {
          metadata: { name: "data" },
          spec: {
            accessModes: ["ReadWriteOnce"],
            resources: { requests: { storage: "1Gi" } },
            storageClassName: "fast",
          },
        },
      ]);
      assert.deepEqual(
        spec.template.spec.volumes.map(({ name }) => name),
        ["run", "tmp"],
      );
    });

    it("sets the user's password before the server starts, with the rights of the server", async () => {
      const podSpec = (run: Run): PodSpec =>
        (find(run, "category-database-server").inputs as { spec: { template: { spec: PodSpec } } }).spec
          .template.spec;
      const { initContainers, containers } = podSpec(run);
      const [server] = containers;
      assert.ok(server);
      const { name, image, env, resources, securityContext, volumeMounts } = server;
      assert.equal(name, "postgres");
      const command = initContainers?.[0]?.command;
      assert.deepEqual(command?.slice(0, 2), ["sh", "-c"]);
      assert.deepEqual(initContainers, [
        { name: "password", image, env, resources, securityContext, volumeMounts, command },
      ]);
      assert.equal(
        podSpec(await runWith({ database: { server: {} } })).initContainers,
        undefined,
        "without a volume there is no password of before",
      );
    });

    it("accepts as many connections as the pods open by default", () => {
      const { database } = parseSettings({ CATEGORY_VERSION: "v1", DATABASE_URL: "postgres://u:p@h/d" });
      assert.equal(database?.poolSize, POOL_SIZE);
    });

    it("keeps a generated password", async () => {
      const again = await runWith({ database: { server: {} } });
      assert.notEqual(secretData(again, "password"), secretData(run, "password"));
      assert.deepEqual(find(run, "category-database-secret").ignoreChanges, ["data"]);
    });

    it("allows connections of its namespace's workloads before the default deny", () => {
      const { spec } = find(run, "category-database-access-allow").inputs;
      assert.deepEqual(spec, {
        selector: { matchLabels: { app: "category-database" } },
        action: "ALLOW",
        rules: [
          {
            from: [{ source: { principals: ["cluster.local/ns/category/sa/*"] } }],
            to: [{ operation: { ports: ["5432"] } }],
          },
        ],
      });
      assert.ok(find(run, "category-default-deny").dependsOn.includes("category-database"));
    });
  });
});
