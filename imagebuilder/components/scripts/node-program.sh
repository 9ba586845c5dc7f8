#!/bin/bash
# Installs the node program, with the Python libraries that its lock names, from the wheels among the sources.
set -euo pipefail

cd "${SOURCES:?}"
"${PYTHON:?}" -B -m imagebuilder.program --root / --interpreter "${INTERPRETER:?}" --wheels "$SOURCES/wheels"
