#!/bin/bash
# Sees that chrony has Amazon's time service alone, has synchronised with it, and tells the kernel so.
set -euo pipefail

chronyc waitsync 30 1 0 2 >/dev/null || fail "chrony: not synchronised within a minute"
chronyc -n sources | grep "${TIME_SERVICE:?}" >/dev/null || fail "chrony: $TIME_SERVICE is not among its sources"
timedatectl show --property NTPSynchronized --value | grep yes >/dev/null || fail "the kernel's clock counts as unsynchronised"
