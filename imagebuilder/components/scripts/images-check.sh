#!/bin/bash
# Sees that each image of IMAGES_TABLE is there under both of its names, whole and pinned.
set -euo pipefail

# look NAME
look() {
    local found
    found=$(ctr images list "name==$1")
    case "$found" in *io.cri-containerd.pinned=pinned*) ;; *) fail "$1: not there, or not pinned" ;; esac
    ctr images check "name==$1" | grep 'complete.*true' >/dev/null || fail "$1: not whole, or not unpacked"
}

runtime_start
while read -r -u 3 repository tag digest; do
    [ "$(image_digest "$repository:$tag")" = "$digest" ] || fail "$repository:$tag: not there with the digest $digest"
    look "$repository:$tag"
    look "$repository@sha256:$digest"
done 3<<<"${IMAGES_TABLE:?}"
