#!/bin/bash
# Sees that the image's Python finds them.
set -euo pipefail

"${INTERPRETER:?}" -I -c "import sys; sys.path.insert(0, '${LIBRARY_FOLDER:?}'); import boto3" ||
    fail "$LIBRARY_FOLDER: libraries are missing: the line above names one"
