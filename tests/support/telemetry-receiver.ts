/** A small program, in the lab or beside it, that takes what proxies send to collectors, and tells what came. */
import { execa } from "execa";
import { readFileSync } from "node:fs";
import path from "node:path";
import { request } from "undici";
import { applyObjects, kubectl, ROOT, until } from "../../lab/harness";

/** A request that came. */
export interface Received {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The body; what is no text in it is lost. */
  readonly text: string;
}

const NAMESPACE = "receiver";
/** Its Service, by the whole name that settings ask for. */
export const RECEIVER = `receiver.${NAMESPACE}.svc.cluster.local`;
/** This machine as the lab's pods see it, which no Service stands for. */
export const OUTSIDE = "10.88.0.254";
/** A name of this machine in the lab's DNS; any other below `outside.test` is one too. */
export const OUTSIDE_NAME = "collector.outside.test";
const PROGRAM = path.join(__dirname, "telemetry-receiver.cjs");

/**
 * Runs it on this machine; `stop` ends it. With a certificate (its file without `.crt` and `.key`) it takes OTLP over TLS
 * too, and tells of clients that refused that as requests for `refused`.
 */
export async function startReceiverOutside(...certificate: readonly string[]): Promise<{
  readonly receiver: TelemetryReceiver;
  readonly stop: () => Promise<unknown>;
}> {
  const running = execa(process.execPath, [PROGRAM, OUTSIDE, ...certificate], { reject: false });
  const receiver = new TelemetryReceiver(`http://${OUTSIDE}:9000`);
  await until("the receiver", () =>
    receiver.forget().then(
      () => true,
      () => false,
    ),
  );
  return {
    receiver,
    stop: () => {
      running.kill();
      return running;
    },
  };
}

/** Puts it into the lab, on the image of the category service, which has Node. */
export async function startReceiver(): Promise<TelemetryReceiver> {
  const program = readFileSync(PROGRAM, "utf8");
  const labels = { app: "receiver" };
  const ports = [
    { name: "grpc", port: 4317, appProtocol: "grpc" },
    { name: "http-datadog", port: 8126, appProtocol: "http" },
    { name: "http-control", port: 9000, appProtocol: "http" },
  ];
  const metadata = { name: "receiver", namespace: NAMESPACE };
  const { image } = categoryImage();
  const objects = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "receiver.cjs": program } },
    { apiVersion: "v1", kind: "Service", metadata, spec: { selector: labels, ports } },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...metadata, labels: { ...labels, "sidecar.istio.io/inject": "false" } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: "receiver",
            image,
            imagePullPolicy: "IfNotPresent",
            command: ["node", "/program/receiver.cjs"],
            readinessProbe: { httpGet: { path: "/", port: 9000 }, periodSeconds: 1 },
            volumeMounts: [{ name: "program", mountPath: "/program" }],
          },
        ],
        volumes: [{ name: "program", configMap: { name: "receiver" } }],
      },
    },
  ];
  await stopReceiver();
  await applyObjects(...objects);
  await kubectl("wait", "pod/receiver", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=60s");
  const address = await kubectl("get", "pod/receiver", "-n", NAMESPACE, "-o", "jsonpath={.status.podIP}");
  return new TelemetryReceiver(`http://${address}:9000`);
}

/** Takes it out again. */
export async function stopReceiver(): Promise<void> {
  await kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=60s");
}

function categoryImage(): { image: string } {
  const file = readFileSync(path.join(ROOT, "Pulumi.lab.yaml"), "utf8");
  return { image: /image: (\S+)/.exec(file)?.[1] ?? "" };
}

export class TelemetryReceiver {
  constructor(private readonly url: string) {}

  async received(): Promise<readonly Received[]> {
    const { body } = await request(this.url);
    return (await body.json()) as Received[];
  }

  async forget(): Promise<void> {
    const { body } = await request(this.url, { method: "DELETE" });
    await body.dump();
  }

  /** Waits until something came that `test` holds for; gives it. Does `meanwhile` as long as nothing did. */
  async until(
    what: string,
    test: (r: Received) => boolean,
    meanwhile: () => Promise<void> = () => Promise.resolve(),
  ): Promise<Received> {
    let found: Received | undefined;
    await until(
      what,
      async () => {
        found = (await this.received()).find(test);
        if (!found) await meanwhile();
        return found !== undefined;
      },
      60,
    );
    return found as unknown as Received;
  }
}
