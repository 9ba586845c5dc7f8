#!/bin/bash
# Writes the add-ons' manifests of MINOR below /, with the digests of PINNED.
set -euo pipefail
read -ra options <<<"${OPTIONS?}"
read -ra pinned <<<"${PINNED?}"

cd "${SOURCES:?}"
"${PYTHON:?}" -B -m imagebuilder.addons --root / --minor "${MINOR:?}" "${options[@]}" "${pinned[@]/#/--image=}"
