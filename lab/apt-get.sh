#!/usr/bin/env bash
# Runs apt-get. Services of the installed packages do not start, unless the machine has its own policy-rc.d. It is a shell
# script because a kill of the lab does not end apt-get, and the policy file must be removed when apt-get ends. Arguments:
# the policy file, then the arguments of apt-get.
set -uo pipefail
policy=$1
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
apt-get "${@:2}"
