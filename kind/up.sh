#!/usr/bin/env bash
# The whole stack on a kind cluster: Istio's own images and charts, and the category service built from this checkout. It works from
# every state: the same command goes on after a failure, and updates what runs already.
set -euo pipefail
cd "$(dirname "$0")/.."
. kind/env.sh

cluster=shopzier
image=shopzier.local/category-api:1.0.0
steps=4
step=0

say() { printf '%s\n' "$*" >&2; }
next() {
  step=$((step + 1))
  now="$1"
  say "step $step of $steps, $now"
}
now="what is needed"
trap '[ $? -eq 0 ] || say "\"$now\" failed. make kind goes on from there; make kind-down removes everything."' EXIT

missing=""
need() { command -v "$1" >/dev/null || missing="$missing"$'\n'"- $1: $2"; }
need docker "https://docs.docker.com/engine/install/"
need kind "https://kind.sigs.k8s.io/docs/user/quick-start/#installation"
need kubectl "https://kubernetes.io/docs/tasks/tools/"
need pulumi "https://www.pulumi.com/docs/install/"
need node "https://nodejs.org/en/download"
[ -z "$missing" ] || {
  say "These programs are not on PATH:$missing"
  exit 1
}
docker info >/dev/null 2>&1 || {
  say "Docker does not answer. Start it, and see that \`docker info\` ends well."
  exit 1
}
node -r ./lab/node-version.cjs -e ""

next "the kind cluster $cluster"
mkdir -p .kind/state
if kind get clusters 2>/dev/null | grep -qx "$cluster"; then
  kind export kubeconfig --name "$cluster" --kubeconfig "$KUBECONFIG"
else
  kind create cluster --name "$cluster" --config kind/cluster.yaml --kubeconfig "$KUBECONFIG" --wait 5m
  # A state of an earlier cluster names objects that are gone.
  rm -rf .kind/state .kind/image && mkdir -p .kind/state
fi

next "the image of the category service"
npm run -s build -w apps/category-api
docker build --tag "$image" apps/category-api
kind load docker-image "$image" --name "$cluster"

next "pulumi up; the first takes some minutes, since the cluster pulls Istio, Prometheus and Jaeger"
pulumi stack select --create "$PULUMI_STACK"
pulumi up --yes --skip-preview
# Pods go on with the image that they started with.
built=$(docker image inspect --format '{{.Id}}' "$image")
if [ "$(cat .kind/image 2>/dev/null)" != "$built" ]; then
  kubectl --namespace=category rollout restart deployment --selector=app=category
  kubectl --namespace=category rollout status deployment --selector=app=category --timeout=5m
  printf '%s' "$built" >.kind/image
fi

next "1,000 requests through the gateway"
npm run -s kind:split
