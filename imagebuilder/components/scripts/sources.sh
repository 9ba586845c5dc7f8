#!/bin/bash
# Unpacks this project's sources, from PACKED with the SHA-256 PACKED_SHA256, into SOURCES.
set -euo pipefail

work=$(mktemp --directory)
trap 'rm --recursive --force "$work"' EXIT
case "${PACKED:?}" in
s3://*) aws s3 cp --no-progress "$PACKED" "$work/sources.tar.gz" || fail "$PACKED: cannot be fetched" ;;
/*) cp "$PACKED" "$work/sources.tar.gz" ;;
*) fail "Sources: '$PACKED'; allowed: s3://bucket/key" ;;
esac
verify "$PACKED" "$work/sources.tar.gz" "${PACKED_SHA256:?}"
install --directory --mode 0700 "${SOURCES:?}"
tar --extract --gzip --no-same-owner --file "$work/sources.tar.gz" --directory "$SOURCES"
