#!/usr/bin/env bash
# Removes the kind cluster and the stack's state.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v kind >/dev/null || {
  echo "kind is not on PATH: https://kind.sigs.k8s.io/docs/user/quick-start/#installation" >&2
  exit 1
}
kind delete cluster --name shopzier
rm -rf .kind
