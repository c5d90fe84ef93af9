# shellcheck shell=sh
# For `. kind/env.sh`: pulumi and kubectl in this shell use the kind cluster. Their files are in .kind, beside none of yours.
export KUBECONFIG="$PWD/.kind/kubeconfig"
export PULUMI_BACKEND_URL="file://$PWD/.kind/state"
export PULUMI_STACK=kind
# Not secret: the stack is lost with the cluster. Pulumi.kind.yaml has the salt of this passphrase.
export PULUMI_CONFIG_PASSPHRASE=kind
