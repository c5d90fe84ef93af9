#!/usr/bin/env bash
# PID 1 of the lab's node, in PID, mount and network namespaces of its own: whatever Kubernetes starts, mounts or writes is
# gone when this process ends. Arguments: folder for containerd's data, folder for logs, folder with
# the programs, file with Calico's kinds of objects.
set -euo pipefail
data=$1 logs=$2 programs=$3 definitions=$4
export PATH=$programs:$PATH
here=$(cd "$(dirname "$0")" && pwd)
exec 3>>"$logs/containerd.log" 4>>"$logs/kubelet.log" 5>>"$logs/felix.log"

. "$here/layers.sh"
# The kubelet's disk figures need real file systems, and a Kubernetes of the machine's own must not show through.
for dir in /etc/{kubernetes,cni/net.d} /var/lib/{kubelet,etcd,cni,containerd} /var/log/{pods,containers}; do
  mkdir -p "$dir"
  mount -t tmpfs tmpfs "$dir"
done
mount --bind "$data" /var/lib/containerd
mount --make-rshared /

mkdir -p /run/lab/cni
ln -s /usr/lib/cni/{host-local,loopback,portmap} "$programs/calico" /run/lab/cni/
cp "$here"/{containerd.toml,kubeadm.yaml} /run/lab/
cp "$here/cni.conflist" /etc/cni/net.d/10-lab.conflist
rm -f /etc/resolv.conf
echo "nameserver 10.96.0.10" >/etc/resolv.conf

containerd --config /run/lab/containerd.toml >&3 2>&1 &
(
  until [ -s /var/lib/kubelet/kubeadm-flags.env ] && [ -s /var/lib/kubelet/config.yaml ]; do sleep 0.1; done
  . /var/lib/kubelet/kubeadm-flags.env
  # shellcheck disable=SC2086
  exec kubelet $KUBELET_KUBEADM_ARGS --config=/var/lib/kubelet/config.yaml \
    --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf
) >&4 2>&1 &
(
  # Calico's daemon, which makes firewall rules of NetworkPolicies, and what it and the CNI plugin ask for. It ends when it
  # wants to be started again.
  export KUBECONFIG=/etc/kubernetes/super-admin.conf KUBECACHEDIR=/run/lab/kubectl
  export FELIX_DATASTORETYPE=kubernetes FELIX_FELIXHOSTNAME=lab
  export FELIX_IPTABLESBACKEND=NFT FELIX_IPV6SUPPORT=false FELIX_DEFAULTENDPOINTTOHOSTACTION=ACCEPT
  export FELIX_USAGEREPORTINGENABLED=false FELIX_LOGFILEPATH=none FELIX_LOGSEVERITYSYS=none FELIX_LOGSEVERITYSCREEN=Warning
  until [ -s $KUBECONFIG ] && kubectl get --raw=/readyz; do sleep 0.2; done >/dev/null 2>&1
  for file in "$definitions" "$here/calico.yaml"; do
    until kubectl apply --validate=false --filename="$file"; do sleep 0.2; done
  done
  # `make observability` puts it there.
  until [ -x "$programs/calico-felix" ]; do sleep 1; done
  while true; do calico-felix || sleep 0.5; done
) >&5 2>&1 &
# A node without one of the first two is broken: it ends as a whole. As PID 1 the shell also reaps the orphans of containers.
wait -n
