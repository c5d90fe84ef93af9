#!/bin/bash
# What OpenSearch's official image does, in short: certificates and users of a demonstration, the administrator's password
# from OPENSEARCH_INITIAL_ADMIN_PASSWORD.
set -eu
cd /usr/share/opensearch
bash plugins/opensearch-security/tools/install_demo_configuration.sh -y -i -s
exec bash bin/opensearch "$@"
