#!/bin/bash
# Writes what is in the image, by syft: packages of the distribution, of Python and of Go.
set -euo pipefail

work=$(mktemp --directory)
trap 'rm --recursive --force "$work"' EXIT
fetch syft "$work/syft.tar.gz"
tar --extract --gzip --no-same-owner --file "$work/syft.tar.gz" --directory "$work" syft
install --directory "$(dirname "${SBOM:?}")"
# Not the layers of container images, which have SBOMs of their own, nor what is here for the build alone.
SYFT_CHECK_FOR_APP_UPDATE=false "$work/syft" scan dir:/ --quiet --output "spdx-json=$SBOM" \
    --exclude './proc/**' --exclude './sys/**' --exclude './dev/**' --exclude './run/**' --exclude './tmp/**' \
    --exclude "./var/lib/containerd/**" --exclude ".${SOURCES:?}/**"
