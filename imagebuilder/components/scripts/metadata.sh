#!/bin/bash
# Sees that the metadata service answers a service of the system, and refuses whoever is in another control group.
set -euo pipefail

ask="curl --silent --output /dev/null --max-time 5 http://${METADATA_SERVICE:?}/"
systemctl is-active --quiet "${METADATA_UNIT:?}" || fail "$METADATA_UNIT: not active"
systemd-run --quiet --wait --slice=system.slice bash -c "$ask" || fail "metadata: a service of the system gets no answer"
if systemd-run --quiet --wait --slice=holdfasttest.slice bash -c "$ask"; then
    fail "metadata: answers in a control group that is not the system's"
fi
