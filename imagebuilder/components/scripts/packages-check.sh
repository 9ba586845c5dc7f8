#!/bin/bash
# Sees that each of PACKAGES is installed.
set -euo pipefail
read -ra names <<<"${PACKAGES:?}"

rpm --query "${names[@]}" || fail "packages are missing: the lines above name them"
