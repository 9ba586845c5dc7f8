#!/bin/bash
# Sees that what the base component has configured is in force in the running system.
set -euo pipefail

while read -r name _ value; do
    case "$name" in '#'* | '') continue ;; esac
    file=/proc/sys/${name//.//}
    [ -r "$file" ] || fail "$name: the kernel has no such setting"
    [ "$(cat "$file")" = "$value" ] || fail "$name: $(cat "$file") is in force, and $value is configured"
done </etc/sysctl.d/90-holdfast.conf

while read -r module; do
    [ -d "/sys/module/$module" ] || fail "$module: the module is not loaded"
done </etc/modules-load.d/holdfast.conf
