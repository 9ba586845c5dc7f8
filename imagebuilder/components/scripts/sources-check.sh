#!/bin/bash
# Sees that the sources are there, and that PYTHON is new enough for them.
set -euo pipefail

cd "${SOURCES:?}"
"${PYTHON:?}" -B -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$PYTHON: older than Python 3.11"
"$PYTHON" -B -c 'from imagebuilder import versions; versions.read()' || fail "$SOURCES: not this project's sources"
