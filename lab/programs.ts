/** Versions of everything that the lab runs; the modules under toolchain/ pin the same. */
export const versions = {
  pulumi: "3.276.0",
  pulumiKubernetes: "4.25.0",
  kubernetes: "1.35.4",
  etcd: "3.6.5-0",
  coredns: "1.12.2",
  istio: "1.31.0",
  calico: "3.28.5",
  prometheus: "3.14.0",
  jaeger: "2.13.0",
} as const;

export const istioModule = "istio.io/istio";
export const calicoModule = "github.com/projectcalico/calico";
export const providerModule = "github.com/pulumi/pulumi-kubernetes/provider/v4";
export const providerSdkModule = "github.com/pulumi/pulumi-kubernetes/sdk/v4";

/** A Go program: the folder under toolchain/ whose go.mod and go.sum pin it, its package, and how it is linked. */
export interface GoProgram {
  readonly module: string;
  readonly source: string;
  readonly tags?: string;
  /** Variables that the linker sets, so that the programs can print their version. */
  readonly stamps?: readonly string[];
}

function stamps(package_: string, values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `-X ${package_}.${name}=${value}`);
}

const pulumi = {
  tags: "osusergo,grpcnotrace",
  stamps: stamps("github.com/pulumi/pulumi/sdk/v3/go/common/version", { Version: `v${versions.pulumi}` }),
};

function kubernetes(name: string): GoProgram {
  const [gitMajor = "", gitMinor = ""] = versions.kubernetes.split(".");
  const gitVersion = `v${versions.kubernetes}`;
  const values = { gitMajor, gitMinor, gitVersion, gitTreeState: "clean", buildDate: "2026-01-01T00:00:00Z" };
  const packages = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];
  return {
    module: "kube",
    source: `k8s.io/kubernetes/cmd/${name}`,
    stamps: packages.flatMap((package_) => stamps(package_, values)),
  };
}

function istio(source: string): GoProgram {
  const values = { buildVersion: versions.istio, buildTag: versions.istio, buildStatus: "Clean" };
  return {
    module: "istio",
    source: `${istioModule}/${source}`,
    tags: "vtprotobuf,disable_pgv",
    stamps: stamps(`${istioModule}/pkg/version`, values),
  };
}

function calico(source: string): GoProgram {
  const version = `v${versions.calico}`;
  return {
    module: "calico",
    source: `${calicoModule}/${source}`,
    stamps: [
      ...stamps("main", { VERSION: version }),
      ...stamps(`${calicoModule}/felix/buildinfo`, { GitVersion: version }),
    ],
  };
}

function prometheus(name: string): GoProgram {
  return {
    module: "prometheus",
    source: `github.com/prometheus/prometheus/cmd/${name}`,
    // Only Kubernetes' service discovery.
    tags: "remove_all_sd,enable_kubernetes_sd,netgo",
    stamps: stamps("github.com/prometheus/common/version", { Version: versions.prometheus }),
  };
}

// Large modules first, so that both builds in parallel end at about the same time. What the first split needs comes before the rest.
export const goPrograms = {
  kubectl: kubernetes("kubectl"),
  kubeadm: kubernetes("kubeadm"),
  kubelet: kubernetes("kubelet"),
  "kube-apiserver": kubernetes("kube-apiserver"),
  "kube-controller-manager": kubernetes("kube-controller-manager"),
  "kube-scheduler": kubernetes("kube-scheduler"),
  "kube-proxy": kubernetes("kube-proxy"),
  etcd: { module: "kube", source: "go.etcd.io/etcd/server/v3" },
  coredns: { module: "kube", source: "./coredns" },
  pulumi: { module: "pulumi", source: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", ...pulumi },
  "pulumi-language-nodejs": { module: "pulumi", source: "./language-nodejs", ...pulumi },
  "pulumi-resource-kubernetes": {
    module: "provider",
    source: ".",
    stamps: stamps(`${providerModule}/pkg/version`, { Version: `v${versions.pulumiKubernetes}` }),
  },
  "pilot-discovery": istio("pilot/cmd/pilot-discovery"),
  "pilot-agent": istio("pilot/cmd/pilot-agent"),
  // The CNI plugin: the same from the start, so that pods stay when the daemon joins.
  calico: calico("cni-plugin/cmd/calico"),
  pause: { module: "pause", source: "." },
  istioctl: istio("istioctl/cmd/istioctl"),
  jaeger: { module: "jaeger", source: "github.com/jaegertracing/jaeger/cmd/jaeger" },
  // The daemon that enforces NetworkPolicies.
  "calico-felix": calico("felix/cmd/calico-felix"),
  prometheus: prometheus("prometheus"),
  promtool: prometheus("promtool"),
  // Reads .github/workflows in a test. No part of the lab, so `up` does not build it.
  actionlint: { module: "actionlint", source: "github.com/rhysd/actionlint/cmd/actionlint" },
} satisfies Record<string, GoProgram>;

export type GoProgramName = keyof typeof goPrograms;

/** A program that runs on the machine or in an image. */
export type ProgramName = GoProgramName | "envoy";

/**
 * What is built: "split" is what `make up` needs until traffic splits; "all" adds Prometheus, Jaeger, the daemon that enforces
 * NetworkPolicies, and the commands that only checks use.
 */
export type Scope = "split" | "all";

const ofSplit: readonly ProgramName[] = [
  "pulumi",
  "pulumi-language-nodejs",
  "kubectl",
  "kubeadm",
  "kubelet",
  "calico",
];
/** The programs in `.lab/bin`: for users of the lab, and for its node. */
export const onPath: Readonly<Record<Scope, readonly ProgramName[]>> = {
  split: ofSplit,
  all: [...ofSplit, "istioctl", "promtool", "calico-felix"],
};

/** The programs that the node runs outside of images. */
export const ofNode: readonly ProgramName[] = ["kubeadm", "kubelet", "calico", "calico-felix"];
export const plugin: ProgramName = "pulumi-resource-kubernetes";
/** The CLI looks for its language host beside its own real path. If the host is elsewhere, each command warns. */
export const besideCli: readonly ProgramName[] = ["pulumi", "pulumi-language-nodejs"];
