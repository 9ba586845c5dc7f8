#!/bin/bash
# Trusts the certificates of CA_BUNDLE, where there is one: a registry or a proxy of one's own.
set -euo pipefail

case "${CA_BUNDLE:?}" in
none) exit 0 ;;
s3://*) aws s3 cp --no-progress "$CA_BUNDLE" "${CA_FOLDER:?}/holdfast.pem" || fail "$CA_BUNDLE: cannot be fetched" ;;
*) fail "CaBundle: '$CA_BUNDLE'; allowed: none, s3://bucket/key" ;;
esac
update-ca-trust extract
