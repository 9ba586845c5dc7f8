#!/bin/bash
# Installs Kubernetes' programs, and etcd's clients.
set -euo pipefail

work=$(mktemp --directory)
trap 'rm --recursive --force "$work"' EXIT
install --directory "${PROGRAM_FOLDER:?}"
for program in kubeadm kubelet kubectl; do
    fetch "$program" "$work/$program"
    install --mode 0755 "$work/$program" "$PROGRAM_FOLDER/$program"
done
fetch etcd "$work/etcd.tar.gz"
mkdir "$work/etcd"
tar --extract --gzip --no-same-owner --strip-components 1 --file "$work/etcd.tar.gz" --directory "$work/etcd"
install --mode 0755 --target-directory "$PROGRAM_FOLDER" "$work/etcd/etcdctl" "$work/etcd/etcdutl"
