#!/bin/bash
# Sees that nothing of the build is left.
set -euo pipefail

[ ! -e "${SOURCES:?}" ] || fail "$SOURCES: left from the build"
[ ! -s /etc/machine-id ] || fail "/etc/machine-id: every instance would have the same"
for key in /etc/ssh/ssh_host_*; do
    [ ! -e "$key" ] || fail "$key: every instance would have the same"
done
