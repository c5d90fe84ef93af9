#!/usr/bin/env bash
# PID 1 of the lab's node, in PID, mount and network namespaces of its own: whatever Kubernetes starts, mounts or writes is
# gone when this process ends. Arguments: folder for containerd's data, folder for logs, folder with the kubelet.
set -euo pipefail
data=$1 logs=$2
export PATH=$3:$PATH
here=$(cd "$(dirname "$0")" && pwd)
exec 3>>"$logs/containerd.log" 4>>"$logs/kubelet.log"

. "$here/layers.sh"
# The kubelet's disk figures need real file systems, and a Kubernetes of the machine's own must not show through.
for dir in /etc/{kubernetes,cni/net.d} /var/lib/{kubelet,etcd,cni,containerd} /var/log/{pods,containers}; do
  mkdir -p "$dir"
  mount -t tmpfs tmpfs "$dir"
done
mount --bind "$data" /var/lib/containerd
mount --make-rshared /

mkdir /run/lab
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
# A node without one of the two is broken: it ends as a whole. As PID 1 the shell also reaps the orphans of containers.
wait -n
