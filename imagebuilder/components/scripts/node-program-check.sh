#!/bin/bash
# Sees that the node program starts, and that its libraries are there.
set -euo pipefail

"${NODE_PROGRAM:?}" --help >/dev/null || fail "$NODE_PROGRAM: does not start"
"${INTERPRETER:?}" -I -c "import sys; sys.path.insert(0, '${LIBRARY_FOLDER:?}'); import boto3, userdata.boot.wiring" ||
    fail "$LIBRARY_FOLDER: modules are missing"
