#!/bin/bash
# Installs the kubelet's credential provider for ECR.
set -euo pipefail

work=$(mktemp --directory)
trap 'rm --recursive --force "$work"' EXIT
fetch ecr-credential-provider "$work/ecr-credential-provider"
install --directory "${PROVIDER_FOLDER:?}"
install --mode 0755 --target-directory "$PROVIDER_FOLDER" "$work/ecr-credential-provider"
