#!/bin/bash
# Sees that each provider that the kubelet's configuration names is there: without one it does not start.
set -euo pipefail

for name in $("${PYTHON:?}" -I -c '
import json, sys
print("\n".join(each["name"] for each in json.load(open(sys.argv[1]))["providers"]))
' "${PROVIDER_FILE:?}"); do
    [ -x "${PROVIDER_FOLDER:?}/$name" ] || fail "$PROVIDER_FOLDER/$name: missing"
done
