#!/bin/bash
# Installs the node program.
set -euo pipefail

cd "${SOURCES:?}"
"${PYTHON:?}" -B -m imagebuilder.program --root / --interpreter "${INTERPRETER:?}"
