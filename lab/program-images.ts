import { type ProgramName, versions } from "./programs";

/** An image that holds programs of the toolchain. */
export interface ProgramImage {
  readonly reference: string;
  /** "scratch": for static programs. "base": has a C library, iptables and certificates. */
  readonly base: "scratch" | "base";
  /** Where each program goes. */
  readonly programs: Readonly<Partial<Record<ProgramName, string>>>;
  readonly entrypoint?: string;
  readonly user?: string;
  /** Path of Istio's bootstrap template for its proxy. */
  readonly bootstrap?: string;
}

const kubernetes = `v${versions.kubernetes}`;
const bin = "/usr/local/bin";

/** The images that `kubeadm init` starts first. They are static pods, which name their program; other images need an entry point. */
export const controlPlaneImages: readonly ProgramImage[] = [
  { reference: "pause:3.10", base: "scratch", programs: { pause: "/pause" }, entrypoint: "/pause" },
  ...(["kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const).map((name): ProgramImage => ({
    reference: `${name}:${kubernetes}`,
    base: "scratch",
    programs: { [name]: `${bin}/${name}` },
  })),
  { reference: `etcd:${versions.etcd}`, base: "scratch", programs: { etcd: `${bin}/etcd` } },
];

/** The other images of the first split. */
export const otherImages: readonly ProgramImage[] = [
  { reference: `kube-proxy:${kubernetes}`, base: "base", programs: { "kube-proxy": `${bin}/kube-proxy` } },
  {
    reference: `coredns:v${versions.coredns}`,
    base: "scratch",
    programs: { coredns: "/coredns" },
    entrypoint: "/coredns",
  },
  {
    reference: `pilot:${versions.istio}`,
    base: "scratch",
    programs: { "pilot-discovery": `${bin}/pilot-discovery` },
    entrypoint: `${bin}/pilot-discovery`,
    // The chart sets runAsNonRoot, which needs a numeric user.
    user: "1337:1337",
  },
  {
    reference: `proxyv2:${versions.istio}`,
    base: "base",
    programs: { "pilot-agent": `${bin}/pilot-agent`, envoy: `${bin}/envoy` },
    entrypoint: `${bin}/pilot-agent`,
    bootstrap: "/var/lib/istio/envoy/envoy_bootstrap_tmpl.json",
  },
];

/** What `make observability` adds. */
export const observabilityImages: readonly ProgramImage[] = [
  {
    reference: `prometheus:v${versions.prometheus}`,
    base: "scratch",
    programs: { prometheus: "/bin/prometheus" },
    entrypoint: "/bin/prometheus",
    user: "65534:65534",
  },
  {
    reference: `jaeger:${versions.jaeger}`,
    base: "scratch",
    programs: { jaeger: `${bin}/jaeger` },
    entrypoint: `${bin}/jaeger`,
    user: "10001:10001",
  },
];
