#!/bin/bash
# Sees that there is an SBOM which lists packages.
set -euo pipefail

"${PYTHON:?}" -I -c '
import json, sys
sys.exit(not json.load(open(sys.argv[1])).get("packages"))
' "${SBOM:?}" || fail "$SBOM: lists no package"
