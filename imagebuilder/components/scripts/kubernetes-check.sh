#!/bin/bash
# Sees that the programs have their versions, and that kubeadm wants no image but those of IMAGES and UNNEEDED ones.
set -euo pipefail

cd "${PROGRAM_FOLDER:?}"
[ "$(./kubeadm version --output short)" = "${VERSION:?}" ] || fail "kubeadm: not $VERSION"
[ "$(./kubelet --version)" = "Kubernetes $VERSION" ] || fail "kubelet: not $VERSION"
./kubectl version --client | grep --word-regexp --fixed-strings "$VERSION" >/dev/null || fail "kubectl: not $VERSION"
./etcdctl version | grep --word-regexp --fixed-strings "${ETCD_VERSION#v}" >/dev/null || fail "etcdctl: not $ETCD_VERSION"
./etcdutl version | grep --word-regexp --fixed-strings "${ETCD_VERSION#v}" >/dev/null || fail "etcdutl: not $ETCD_VERSION"
for image in $(./kubeadm config images list --kubernetes-version "$VERSION"); do
    name=${image##*/}
    case " ${IMAGES:?} ${UNNEEDED?} " in
    *" $image "* | *" ${name%:*} "*) ;;
    *) fail "$image: kubeadm wants it, and it is not in the image" ;;
    esac
done
