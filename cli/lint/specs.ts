/**
 * The parts of objects that rules read. Fields that no rule reads may hold anything; a field that is null counts as absent, as in
 * Kubernetes.
 */
import { z } from "zod";
import type { WrittenMatch } from "../../components/simulator/written-objects";

const text = z.string();
const texts = z.array(text);
const number = z.number();
const labels = z.record(text, text);
const none = z.object({});

const stringMatch = z.object({ exact: text.optional(), prefix: text.optional(), regex: text.optional() });
const matches = z.record(text, stringMatch);
// Fields that are not read here stay, as the question which rule takes all of another compares them.
const match = z.looseObject({
  uri: stringMatch.optional(),
  method: stringMatch.optional(),
  authority: stringMatch.optional(),
  headers: matches.optional(),
  withoutHeaders: matches.optional(),
  queryParams: matches.optional(),
}) as unknown as z.ZodType<WrittenMatch>;

const destination = z.object({
  host: text,
  subset: text.optional(),
  port: z.object({ number: number.optional() }).optional(),
});
export type Destination = z.infer<typeof destination>;

const destinations = z.array(z.object({ destination, weight: number.optional() }));
const virtualService = z.object({
  hosts: texts.optional(),
  gateways: texts.optional(),
  exportTo: texts.optional(),
  http: z
    .array(
      z.object({
        name: text.optional(),
        match: z.array(match).optional(),
        route: destinations.optional(),
        redirect: none.optional(),
        directResponse: none.optional(),
        delegate: z.object({ name: text, namespace: text.optional() }).optional(),
        mirror: destination.optional(),
        mirrors: destinations.optional(),
        mirrorPercent: number.optional(),
        fault: z.object({ delay: z.object({ percent: number.optional() }).optional() }).optional(),
        corsPolicy: z.object({ allowOrigin: texts.optional() }).optional(),
      }),
    )
    .optional(),
  tcp: z.array(z.object({ route: destinations.optional() })).optional(),
  tls: z.array(z.object({ route: destinations.optional() })).optional(),
});
export type VirtualServiceSpec = z.infer<typeof virtualService>;

const clientTls = z.object({
  mode: text.optional(),
  caCertificates: text.optional(),
  credentialName: text.optional(),
  subjectAltNames: texts.optional(),
  insecureSkipVerify: z.boolean().optional(),
});
const trafficPolicy = z.object({
  tls: clientTls.optional(),
  portLevelSettings: z
    .array(z.object({ port: z.object({ number: number.optional() }).optional(), tls: clientTls.optional() }))
    .optional(),
});
const destinationRule = z.object({
  host: text,
  exportTo: texts.optional(),
  trafficPolicy: trafficPolicy.optional(),
  workloadSelector: z.object({ matchLabels: labels.optional() }).optional(),
  subsets: z
    .array(z.object({ name: text, labels: labels.optional(), trafficPolicy: trafficPolicy.optional() }))
    .optional(),
});

const gateway = z.object({
  selector: labels.optional(),
  servers: z
    .array(
      z.object({
        port: z.object({ number, protocol: text, name: text.optional() }),
        hosts: texts,
        bind: text.optional(),
        tls: z
          .object({
            mode: text.optional(),
            httpsRedirect: z.boolean().optional(),
            credentialName: text.optional(),
            serverCertificate: text.optional(),
            privateKey: text.optional(),
            minProtocolVersion: text.optional(),
          })
          .optional(),
      }),
    )
    .optional(),
});
export type Server = NonNullable<z.infer<typeof gateway>["servers"]>[number];

const selector = z.object({ matchLabels: labels.optional() });
const source = z.object({
  principals: texts.optional(),
  notPrincipals: texts.optional(),
  requestPrincipals: texts.optional(),
  namespaces: texts.optional(),
  notNamespaces: texts.optional(),
});
const operation = z.object({
  hosts: texts.optional(),
  methods: texts.optional(),
  notMethods: texts.optional(),
  paths: texts.optional(),
  notPaths: texts.optional(),
});
const authorizationPolicy = z.object({
  selector: selector.optional(),
  action: text.optional(),
  targetRef: none.optional(),
  targetRefs: z.array(none).optional(),
  rules: z
    .array(
      z.object({
        from: z.array(z.object({ source: source.optional() })).optional(),
        to: z.array(z.object({ operation: operation.optional() })).optional(),
        when: z.array(z.object({ key: text })).optional(),
      }),
    )
    .optional(),
});

const mtls = z.object({ mode: text.optional() });
const peerAuthentication = z.object({
  selector: selector.optional(),
  mtls: mtls.optional(),
  portLevelMtls: z.record(text, mtls).optional(),
});
const requestAuthentication = z.object({
  selector: selector.optional(),
  targetRefs: z.array(none).optional(),
  jwtRules: z.array(z.object({ issuer: text.optional(), jwksUri: text.optional() })).optional(),
});

const serviceEntry = z.object({
  hosts: texts.optional(),
  addresses: texts.optional(),
  exportTo: texts.optional(),
  ports: z.array(z.object({ number, protocol: text.optional(), name: text.optional() })).optional(),
  workloadSelector: z.object({ labels: labels.optional() }).optional(),
});
const sidecar = z.object({
  workloadSelector: z.object({ labels: labels.optional() }).optional(),
  egress: z.array(z.object({ hosts: texts.optional() })).optional(),
  outboundTrafficPolicy: z.object({ mode: text.optional(), egressProxy: none.optional() }).optional(),
});

const envoyFilter = z.object({
  workloadSelector: z.object({ labels: labels.optional() }).optional(),
  priority: number.optional(),
  configPatches: z
    .array(z.object({ applyTo: text.optional(), patch: z.object({ operation: text.optional() }).optional() }))
    .optional(),
});
const telemetry = z.object({
  selector: selector.optional(),
  targetRefs: z.array(none).optional(),
  accessLogging: z
    .array(z.object({ disabled: z.boolean().optional(), providers: z.array(none).optional() }))
    .optional(),
});

const service = z.object({
  type: text.optional(),
  selector: labels.optional(),
  ports: z
    .array(
      z.object({
        port: number,
        name: text.optional(),
        protocol: text.optional(),
        appProtocol: text.optional(),
        targetPort: z.union([number, text]).optional(),
      }),
    )
    .optional(),
});

const securityContext = z.object({ runAsUser: number.optional() });
const container = z.object({
  name: text.optional(),
  image: text.optional(),
  env: z.array(z.object({ name: text, value: text.optional() })).optional(),
  ports: z.array(z.object({ containerPort: number, name: text.optional() })).optional(),
  securityContext: securityContext.optional(),
});
const pod = z.object({
  serviceAccountName: text.optional(),
  securityContext: securityContext.optional(),
  containers: z.array(container).optional(),
  initContainers: z.array(container).optional(),
});
export type PodSpec = z.infer<typeof pod>;
const metadata = z.object({ labels: labels.optional(), annotations: labels.optional() });
const workload = z.object({
  template: z.object({ metadata: metadata.optional(), spec: pod.optional() }).optional(),
});

const release = z.object({ chart: z.unknown(), values: z.record(text, z.unknown()).optional() });
const customResourceDefinition = z.object({
  group: text.optional(),
  names: z.object({ kind: text.optional() }).optional(),
});

/** By kind: its API group, since other products use the same names (Knative: Service; Gateway API: Gateway), and its spec. */
export const KINDS = {
  VirtualService: [/^networking\.istio\.io\//, virtualService],
  DestinationRule: [/^networking\.istio\.io\//, destinationRule],
  Gateway: [/^networking\.istio\.io\//, gateway],
  ServiceEntry: [/^networking\.istio\.io\//, serviceEntry],
  Sidecar: [/^networking\.istio\.io\//, sidecar],
  EnvoyFilter: [/^networking\.istio\.io\//, envoyFilter],
  AuthorizationPolicy: [/^security\.istio\.io\//, authorizationPolicy],
  PeerAuthentication: [/^security\.istio\.io\//, peerAuthentication],
  RequestAuthentication: [/^security\.istio\.io\//, requestAuthentication],
  Telemetry: [/^telemetry\.istio\.io\//, telemetry],
  Service: [/^v1$/, service],
  ServiceAccount: [/^v1$/, none],
  Namespace: [/^v1$/, none],
  Secret: [/^v1$/, none],
  Pod: [/^v1$/, pod],
  Deployment: [/^apps\//, workload],
  StatefulSet: [/^apps\//, workload],
  DaemonSet: [/^apps\//, workload],
  Release: [/^helm\.sh\//, release],
  CustomResourceDefinition: [/^apiextensions\.k8s\.io\//, customResourceDefinition],
} as const satisfies Record<string, readonly [RegExp, z.ZodType]>;

export type Kind = keyof typeof KINDS;
export type Spec<K extends Kind> = z.infer<(typeof KINDS)[K][1]>;
