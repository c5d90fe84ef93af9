import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { randomBytes } from "node:crypto";
import type { ServiceIdentity } from "../security/identity";
import { ServiceAccess } from "../security/service-access";
import { DATABASE_CONNECTIONS } from "./database-connections";
import { located, withoutCluster, type ClusterAccess } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";

export interface CategoryDatabaseArgs {
  /** Namespace of the category service, which must exist. */
  readonly namespace: pulumi.Input<string>;
  /** Additional labels of the pods. Default: none. */
  readonly podLabels?: pulumi.Input<Record<string, string>>;
  /** Identities that may connect. */
  readonly clients: readonly ServiceIdentity[];
  /** An image with the interface of Docker's official `postgres`, Debian variant (user 999). Default `docker.io/library/postgres:17.6`. */
  readonly image?: string;
  /** Volume of the data. Default: none, so that the data are lost with the pod. */
  readonly volume?: {
    /** A Kubernetes quantity, such as "10Gi". */
    readonly size: string;
    /** Default: the default storage class of the cluster. */
    readonly storageClass?: string;
  };
  /** Default: requests of 100m CPU and 256Mi memory, a limit of 512Mi memory. */
  readonly resources?: k8s.types.input.core.v1.ResourceRequirements;
  /** Namespaces whose pods may fetch metrics from the proxy. Default: none. */
  readonly scrapers?: readonly string[];
  /** Whether to write a NetworkPolicy too. Default true. */
  readonly networkPolicy?: boolean;
  /** Time limit to get ready, in seconds. Default 300. */
  readonly timeoutSeconds?: number;
  /** The cluster that is asked whether an object exists. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

const NAME = "category-database";
const PORT = 5432;
/** Name of the user and of the database. */
const LOGIN = "category";
/** User id of `postgres` in the Debian variant of Docker's official images. */
const USER = 999;
const PASSWORD_KEY = "password";
const FOLDER = "/var/lib/postgresql/data";

/** Environment variable of the category service with the URL of a {@link CategoryDatabase}. */
export const CATEGORY_DATABASE_URL = { secret: NAME, key: "url" } as const;

/**
 * One PostgreSQL for all versions of the category service: a StatefulSet of one pod, its Service, a Secret with password
 * and URL, and the policies that allow connections by mutual TLS.
 *
 * Data and write-ahead log are on one volume, so that a snapshot of it is a backup. If the StatefulSet is deleted, the volume
 * claim `data-category-database-0` stays; it is deleted with the namespace.
 *
 * The password is generated once and stored in the state, encrypted, so that a later update does not change it. Each start of
 * the pod sets the user's password to that of the Secret, even if the volume has data with an older password.
 */
export class CategoryDatabase extends pulumi.ComponentResource {
  /** URL with the password, as a Pulumi secret. */
  readonly password: pulumi.Output<string>;

  constructor(name: string, args: CategoryDatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
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
      // Each run generates another password, but the first one stays in use.
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
 * Sets the password before the server starts, since a volume keeps the password of its first start. A single-user backend
 * needs no password. Its errors do not show the statement, which contains the password.
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
      // Used by pg_dump and psql in the pod.
      { name: "PGUSER", value: LOGIN },
      { name: "PGDATABASE", value: LOGIN },
      { name: "PGPASSWORD", valueFrom: password },
      { name: "POSTGRES_INITDB_ARGS", value: "--data-checksums" },
      // A folder below the volume's root, since the file system has its own folders in the root.
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
    // The server writes its memory to disk before it ends.
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
        // There is no liveness probe, because a restart would make a slow recovery slower.
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
