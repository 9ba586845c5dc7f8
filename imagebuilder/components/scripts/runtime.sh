#!/bin/bash
# A library: a containerd without the kubelet's interface, for importing images and looking at them. It works on
# /var/lib/containerd, with a socket of its own, and ends with the script.
set -euo pipefail

runtime_work=""
runtime_process=""

runtime_start() {
    runtime_work=$(mktemp --directory)
    trap runtime_stop EXIT
    local part disabled=""
    for part in cri.v1.images cri.v1.runtime grpc.v1.cri internal.v1.opt nri.v1.nri; do
        disabled="$disabled\"io.containerd.$part\", "
    done
    printf 'version = 3\ndisabled_plugins = [%s]\n' "$disabled" >"$runtime_work/config.toml"
    "${PROGRAM_FOLDER:?}/containerd" --config "$runtime_work/config.toml" --root /var/lib/containerd \
        --state "$runtime_work/state" --address "$runtime_work/socket" 2>"$runtime_work/log" &
    runtime_process=$!
    local try
    for try in $(seq 300); do
        ctr version >/dev/null 2>&1 && return
        kill -0 "$runtime_process" 2>/dev/null || break
        sleep 0.1
    done
    fail "containerd: no answer after $try tries: $(tail --lines 1 "$runtime_work/log")"
}

runtime_stop() {
    if [ -n "$runtime_process" ]; then
        kill "$runtime_process" 2>/dev/null || true
        wait "$runtime_process" || true
    fi
    # Each machine's containerd has an identity of its own.
    rm --recursive --force "$runtime_work" /var/lib/containerd/io.containerd.grpc.v1.introspection/uuid
}

runtime_folder() {
    echo "$runtime_work"
}

ctr() {
    "$PROGRAM_FOLDER/ctr" --address "$runtime_work/socket" --namespace k8s.io "$@"
}

# image_digest REFERENCE: as containerd has it; nothing where it has none.
image_digest() {
    ctr images list "name==$1" | awk 'NR == 2 { sub("sha256:", "", $3); print $3 }'
}
