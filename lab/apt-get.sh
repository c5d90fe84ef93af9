#!/usr/bin/env bash
# Runs apt-get; the services of what it installs don't start, unless the machine has a policy of its own about that. A shell
# around it, because a kill of the lab doesn't end apt-get, and the policy must go when that ends. Arguments: file of the
# policy, those of apt-get.
set -uo pipefail
policy=$1
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
apt-get "${@:2}"
