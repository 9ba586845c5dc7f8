#!/bin/bash
# Sees that containerd takes its configuration, and that the programs have their versions.
set -euo pipefail
read -ra plugins <<<"${PLUGINS:?}"

"${PROGRAM_FOLDER:?}/containerd" config dump >/dev/null || fail "containerd: refuses /etc/containerd/config.toml"
"$PROGRAM_FOLDER/containerd" --version | grep --word-regexp --fixed-strings "${CONTAINERD_VERSION:?}" >/dev/null ||
    fail "containerd: not $CONTAINERD_VERSION"
[ "${RUNC_VERSION:?}" = any ] || "$PROGRAM_FOLDER/runc" --version | grep --word-regexp --fixed-strings "${RUNC_VERSION#v}" >/dev/null ||
    fail "runc: not $RUNC_VERSION"
for plugin in "${plugins[@]}"; do
    [ -x "${PLUGIN_FOLDER:?}/$plugin" ] || fail "$PLUGIN_FOLDER/$plugin: missing"
done
