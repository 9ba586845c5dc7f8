#!/bin/bash
# Asks the kernel for each expression of the firewall rules about instance metadata; it keeps nothing.
set -euo pipefail
read -ra command <<<"${CHECK:?}"

"${command[@]}" || fail "the rules about instance metadata do not load: the line above says why"
