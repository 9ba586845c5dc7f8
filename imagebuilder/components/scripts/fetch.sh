#!/bin/bash
# A library: fetching what FILES_TABLE names, a line for each file and architecture: name, architecture, address,
# SHA-256 or "-". FILES says from where: internet, s3://bucket/prefix, or a folder.
set -euo pipefail

# The architecture of this machine, as EC2 names it.
architecture() {
    case "$(uname -m)" in
    x86_64) echo x86_64 ;;
    aarch64) echo arm64 ;;
    *) fail "$(uname -m): no architecture that images are made for; allowed: x86_64, aarch64" ;;
    esac
}

# fetch NAME TARGET: what the table names for this architecture, verified.
fetch() {
    local machine name where address sha256
    machine=$(architecture)
    while read -r name where address sha256; do
        if [ "$name $where" = "$1 $machine" ]; then
            [ "$sha256" != - ] || fail "$name ($where): no checksum in imagebuilder/versions.json; to fetch it: make image-lock"
            copy "$address" "$2"
            verify "$name ($where)" "$2" "$sha256"
            return
        fi
    done <<<"${FILES_TABLE:?}"
    fail "$1 ($machine): not among the files of this component"
}

# copy ADDRESS TARGET: from where FILES says. In a bucket and in a folder an address stands without its scheme.
copy() {
    case "${FILES:?}" in
    internet)
        curl --fail --silent --show-error --location --proto '=https' --proto-redir '=https' --retry 4 \
            --output "$2" "$1" || fail "$1: cannot be fetched: the line above says why"
        ;;
    s3://*) aws s3 cp --no-progress "${FILES%/}/${1#*://}" "$2" || fail "$FILES/${1#*://}: cannot be fetched" ;;
    /*) cp "$FILES/${1#*://}" "$2" || fail "$FILES/${1#*://}: cannot be copied" ;;
    *) fail "Files: '$FILES'; allowed: internet, s3://bucket/prefix" ;;
    esac
}

# verify LABEL FILE SHA256
verify() {
    printf '%s  %s\n' "$3" "$2" | sha256sum --check --status || {
        rm --force "$2"
        fail "$1: its SHA-256 is not $3"
    }
}
