#!/bin/bash
# Sees that the node program starts, and finds what it boots with.
set -euo pipefail

"${NODE_PROGRAM:?}" --help >/dev/null || fail "$NODE_PROGRAM: does not start"
"${INTERPRETER:?}" -I -c "import sys; sys.path.insert(0, '${LIBRARY_FOLDER:?}'); import userdata.boot.wiring" ||
    fail "$LIBRARY_FOLDER: modules are missing: the line above names one"
