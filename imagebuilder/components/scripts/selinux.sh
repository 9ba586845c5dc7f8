#!/bin/bash
# Sees that SELinux is as Amazon Linux has it: permissive. It logs then, and nothing of Kubernetes fails by it.
set -euo pipefail

found=$(getenforce)
[ "$found" = Permissive ] || fail "SELinux: $found; allowed: Permissive"
