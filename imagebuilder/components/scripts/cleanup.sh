#!/bin/bash
# Removes what instances of the image must not share or do not need. Image Builder's own clean-up comes after it.
set -euo pipefail

rm --recursive --force "${SOURCES:?}" /root/.aws /root/.cache /root/.bash_history
rm --force /etc/ssh/ssh_host_*
# An empty one is filled at the next boot.
: >/etc/machine-id
if command -v cloud-init >/dev/null; then
    cloud-init clean --logs
fi
if command -v dnf >/dev/null; then
    dnf clean all --quiet
fi
