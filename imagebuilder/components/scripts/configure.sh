#!/bin/bash
# Writes the configuration of STEPS below /: the very steps that a rehearsal takes.
set -euo pipefail
read -ra names <<<"${STEPS:?}"
read -ra options <<<"${OPTIONS?}"

cd "${SOURCES:?}"
"${PYTHON:?}" -B -m imagebuilder.configure --root / --sandbox-image "${SANDBOX_IMAGE:?}" \
    "${options[@]}" "${names[@]/#/--step=}"
