#!/bin/bash
# Installs PACKAGES: the only script that asks the distribution's repositories.
set -euo pipefail
read -ra names <<<"${PACKAGES:?}"

dnf install --assumeyes --quiet --setopt=install_weak_deps=False "${names[@]}"
