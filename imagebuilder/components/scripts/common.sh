#!/bin/bash
# What every script begins with.
set -euo pipefail

# Ends the step, and with it the build; the reason in one line.
fail() {
    printf '%s\n' "$*" >&2
    exit 1
}
