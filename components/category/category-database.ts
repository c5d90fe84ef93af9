import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { randomBytes } from "node:crypto";
import type { ServiceIdentity } from "../security/identity";
import { ServiceAccess } from "../security/service-access";
import { DATABASE_CONNECTIONS } from "./database-connections";
import type { ClusterAccess } from "../kubernetes/cluster-access";
import { guarded, withoutCluster } from "../kubernetes/ownership";

export interface CategoryDatabaseArgs {
  /** Namespace of the category service, which must exist. */
  readonly namespace: pulumi.Input<string>;
  /** Further labels of the pods. Default: none. */
  readonly podLabels?: pulumi.Input<Record<string, string>>;
  /** Identities that may connect. */
  readonly clients: readonly ServiceIdentity[];
  /** An image with the interface of Docker's official `postgres`, Debian variant (user 999). Default `docker.io/library/postgres:17.6`. */
  readonly image?: string;
  /** Default: none, so that the data end with the pod. */
  readonly volume?: {
    /** A Kubernetes quantity, such as "10Gi". */
    readonly size: string;
    /** Default: the cluster's. */
    readonly storageClass?: string;
  };
  /** Default: a tenth of a CPU and 256Mi requested, 512Mi at most. */
  readonly resources?: k8s.types.input.core.v1.ResourceRequirements;
  /** Namespaces whose pods may fetch metrics from the proxy. Default: none. */
  readonly scrapers?: readonly string[];
  /** Write a NetworkPolicy as well. Default true. */
  readonly networkPolicy?: boolean;
  /** How long it may take to get ready, in seconds. Default 300. */
  readonly timeoutSeconds?: number;
  /** The cluster that is asked whether an object is there already; default: that of the ambient kubeconfig. */
  readonly cluster?: ClusterAccess;
}

const NAME = "category-database";
const PORT = 5432;
/** User and database; the password is generated. */
const LOGIN = "category";
/** `postgres` in Docker's official images that stand on Debian. */
const USER = 999;
const PASSWORD_KEY = "password";
const FOLDER = "/var/lib/postgresql/data";

/** Where the category service finds the URL of a {@link CategoryDatabase}. */
export const CATEGORY_DATABASE_URL = { secret: NAME, key: "url" } as const;

/**
 * One PostgreSQL for all versions of the category service: a StatefulSet of one pod, its Service, the Secret with its
 * password and URL, and who may connect, by mutual TLS.
 *
 * Data and write-ahead log are on one volume, so that a snapshot of it is a backup. The volume claim
 * `data-category-database-0` stays when the StatefulSet goes; it ends with the namespace.
 *
 * The password is made once and kept in the state, encrypted: a later update does not change it. The Secret decides: each
 * start of the pod gives the user the password that is there, also where data of an earlier one are on the volume.
 */
export class CategoryDatabase extends pulumi.ComponentResource {
  /** Secret. */
  readonly password: pulumi.Output<string>;

  constructor(name: string, args: CategoryDatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("shopzier-mesh:index:CategoryDatabase", name, withoutCluster(args), guarded(args.cluster, opts));
    const { namespace, volume } = args;
    const timeout = `${args.timeoutSeconds ?? 300}s`;
    const labels = { app: NAME };
    const metadata = { name: NAME, namespace, labels };

    const generated = randomBytes(24).toString("base64url");
    const url = pulumi.interpolate`postgres://${LOGIN}:${generated}@${NAME}.${namespace}.svc:${PORT}/${LOGIN}`;
    const encoded = (text: pulumi.Input<string>) =>
      pulumi.secret(pulumi.output(text).apply((value) => Buffer.from(value).toString("base64")));
    const secret = new k8s.core.v1.Secret(
      `${name}-secret`,
      {
        metadata,
        type: "Opaque",
        data: { [PASSWORD_KEY]: encoded(generated), [CATEGORY_DATABASE_URL.key]: encoded(url) },
      },
      // What is generated anew with every run is not what the database was made with.
      { parent: this, ignoreChanges: ["data"] },
    );
    this.password = pulumi.secret(
      secret.data.apply((data) => Buffer.from(data[PASSWORD_KEY] ?? "", "base64").toString()),
    );

    new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata: { ...metadata, annotations: { "pulumi.com/skipAwait": "true" } },
        spec: {
          selector: labels,
          ports: [{ name: "tcp-postgres", port: PORT, targetPort: PORT, appProtocol: "tcp" }],
        },
      },
      { parent: this },
    );

    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata, automountServiceAccountToken: false },
      { parent: this },
    );
    new k8s.apps.v1.StatefulSet(
      `${name}-server`,
      {
        metadata,
        spec: {
          serviceName: NAME,
          replicas: 1,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels: pulumi.output(args.podLabels).apply((more) => ({ ...labels, ...more })) },
            spec: podSpec(args),
          },
          ...(volume && {
            volumeClaimTemplates: [
              {
                metadata: { name: "data" },
                spec: {
                  accessModes: ["ReadWriteOnce"],
                  resources: { requests: { storage: volume.size } },
                  storageClassName: volume.storageClass,
                },
              },
            ],
          }),
        },
      },
      { parent: this, dependsOn: [secret, account], customTimeouts: { create: timeout, update: timeout } },
    );

    new ServiceAccess(
      `${name}-access`,
      {
        service: NAME,
        namespace,
        port: PORT,
        from: args.clients,
        scrapers: args.scrapers,
        networkPolicy: args.networkPolicy,
      },
      { parent: this },
    );
    this.registerOutputs({ password: this.password });
  }
}

/**
 * A volume keeps the password of the Secret that it was made with. Before the server is there, one backend of its own
 * can change it, which asks for none. On an error it says nothing of its statement, which has the password.
 */
const SET_PASSWORD = `[ ! -s "$PGDATA/PG_VERSION" ] ||
  printf 'alter role "%s" password $secret$%s$secret$\\n' "$PGUSER" "$PGPASSWORD" |
  postgres --single -D "$PGDATA" -c exit_on_error=on -c log_min_error_statement=panic postgres`;

function podSpec({ image, volume, resources }: CategoryDatabaseArgs): k8s.types.input.core.v1.PodSpec {
  const password = { secretKeyRef: { name: NAME, key: PASSWORD_KEY } };
  const container = {
    image: image ?? "docker.io/library/postgres:17.6",
    env: [
      { name: "POSTGRES_USER", value: LOGIN },
      { name: "POSTGRES_DB", value: LOGIN },
      { name: "POSTGRES_PASSWORD", valueFrom: password },
      // For pg_dump and psql in the pod.
      { name: "PGUSER", value: LOGIN },
      { name: "PGDATABASE", value: LOGIN },
      { name: "PGPASSWORD", valueFrom: password },
      { name: "POSTGRES_INITDB_ARGS", value: "--data-checksums" },
      // Below the volume's root, where a file system keeps folders of its own.
      { name: "PGDATA", value: `${FOLDER}/pgdata` },
    ],
    resources: resources ?? {
      requests: { cpu: "100m", memory: "256Mi" },
      limits: { memory: "512Mi" },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      readOnlyRootFilesystem: true,
    },
    volumeMounts: [
      { name: "data", mountPath: FOLDER },
      { name: "run", mountPath: "/var/run/postgresql" },
      { name: "tmp", mountPath: "/tmp" },
    ],
  };
  return {
    serviceAccountName: NAME,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    // It writes out all that is in memory before it ends.
    terminationGracePeriodSeconds: 60,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER,
      runAsGroup: USER,
      fsGroup: USER,
      fsGroupChangePolicy: "OnRootMismatch",
      seccompProfile: { type: "RuntimeDefault" },
    },
    ...(volume && {
      initContainers: [{ ...container, name: "password", command: ["sh", "-c", SET_PASSWORD] }],
    }),
    containers: [
      {
        ...container,
        name: "postgres",
        args: ["-c", `max_connections=${DATABASE_CONNECTIONS}`],
        ports: [{ name: "tcp-postgres", containerPort: PORT }],
        // No liveness probe: a restart makes a slow recovery slower.
        readinessProbe: {
          exec: { command: ["pg_isready", "--host=127.0.0.1"] },
          periodSeconds: 2,
          timeoutSeconds: 2,
        },
      },
    ],
    volumes: [
      { name: "run", emptyDir: {} },
      { name: "tmp", emptyDir: {} },
      ...(volume ? [] : [{ name: "data", emptyDir: {} }]),
    ],
  };
}
