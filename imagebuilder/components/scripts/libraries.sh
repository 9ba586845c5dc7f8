#!/bin/bash
# Installs the Python libraries that the node program's lock names, from the wheels among the sources.
set -euo pipefail

cd "${SOURCES:?}"
"${PYTHON:?}" -B -m imagebuilder.libraries --root / --wheels "$SOURCES/wheels"
