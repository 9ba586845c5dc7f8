#!/bin/bash
# Installs containerd, runc and the CNI plugins.
set -euo pipefail
read -ra programs <<<"${PROGRAMS:?}"
read -ra plugins <<<"${PLUGINS:?}"

work=$(mktemp --directory)
trap 'rm --recursive --force "$work"' EXIT
fetch containerd "$work/containerd.tar.gz"
fetch runc "$work/runc"
fetch cni-plugins "$work/cni-plugins.tgz"
mkdir "$work/containerd" "$work/cni-plugins"
tar --extract --gzip --no-same-owner --file "$work/containerd.tar.gz" --directory "$work/containerd"
tar --extract --gzip --no-same-owner --file "$work/cni-plugins.tgz" --directory "$work/cni-plugins"

install --directory "${PROGRAM_FOLDER:?}" "${PLUGIN_FOLDER:?}"
install --mode 0755 --target-directory "$PROGRAM_FOLDER" "${programs[@]/#/$work/containerd/bin/}" "$work/runc"
install --mode 0755 --target-directory "$PLUGIN_FOLDER" "${plugins[@]/#/$work/cni-plugins/}"
install --directory "${REGISTRY_FOLDER:?}"
