#!/bin/bash
# Asks the running containerd for every image that a manifest of an add-on names, and for those of IMAGES.
set -euo pipefail

ctr() {
    "${PROGRAM_FOLDER:?}/ctr" --namespace k8s.io "$@"
}

named=$(cd "${ADDON_FOLDER:?}" && "${PYTHON:?}" -I -c '
import json, pathlib
def images(value):
    for name, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from (each,) if name == "image" and isinstance(each, str) else images(each)
for path in sorted(pathlib.Path().glob("*.json")):
    print("\n".join(images(json.loads(path.read_text()))))
')
for image in ${IMAGES:?} $named; do
    # By tag and digest: the interface of the kubelet keeps the digest alone.
    case "$image" in *:*@*) image=${image%:*@*}@${image##*@} ;; esac
    [ -n "$(ctr images list --quiet "name==$image")" ] || fail "$image: a pod needs it, and containerd has it not"
done
