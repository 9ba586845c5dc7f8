#!/bin/bash
# Imports the container images of IMAGES_TABLE, a line for each: repository, tag, digest of its index or "-". REGISTRY
# says from where: internet, a registry with a prefix, s3://bucket/prefix or a folder of archives.
set -euo pipefail

# log_in HOST: to a registry of ECR. By a file: what is on a command line every process can read.
log_in() {
    local region=${1#*.dkr?ecr*.} scheme=https folder password
    folder=$(runtime_folder)/hosts/$1
    case "$PULL_OPTIONS" in *--plain-http*) scheme=http ;; esac
    password=$(aws ecr get-login-password --region "${region%%.*}") || fail "$1: ECR gives no password"
    mkdir --parents "$folder"
    printf '[host."%s://%s"]\n[host."%s://%s".header]\nAuthorization = "Basic %s"\n' "$scheme" "$1" "$scheme" "$1" \
        "$(printf 'AWS:%s' "$password" | base64 --wrap=0)" >"$folder/hosts.toml"
}

# pull REPOSITORY TAG DIGEST FROM: into containerd, under the name that pods have.
pull() {
    local login=()
    case "$4" in
    *.dkr.ecr.* | *.dkr-ecr.*)
        [ -e "$(runtime_folder)/hosts/${4%%/*}" ] || log_in "${4%%/*}"
        login=(--hosts-dir "$(runtime_folder)/hosts")
        ;;
    esac
    local platform=linux/amd64 said
    [ "$(uname -m)" = x86_64 ] || platform=linux/arm64
    # shellcheck disable=SC2086 # several options
    said=$(ctr images pull --local --skip-metadata --platform "$platform" ${PULL_OPTIONS?} "${login[@]}" "$4@sha256:$3" 2>&1 >/dev/null) ||
        fail "$4@sha256:$3: cannot be pulled: ${said##*$'\n'}"
    ctr images tag --force "$4@sha256:$3" "$1:$2" >/dev/null
    [ "$4" = "$1" ] || ctr images remove "$4@sha256:$3" >/dev/null
}

# unpack REPOSITORY TAG FOLDER: an archive in OCI's layout that names the image.
unpack() {
    local archive=$3/$1/$2.tar
    case "$3" in
    s3://*)
        aws s3 cp --no-progress "$archive" "$(runtime_folder)/image.tar" || fail "$archive: cannot be fetched"
        archive=$(runtime_folder)/image.tar
        ;;
    esac
    ctr images import "$archive" >/dev/null || fail "$archive: cannot be imported"
}

runtime_start
while read -r -u 3 repository tag digest; do
    [ "$digest" != - ] || fail "$repository:$tag: no digest in imagebuilder/versions.json; to fetch it: make image-lock"
    case "${REGISTRY:?}" in
    internet) pull "$repository" "$tag" "$digest" "$repository" ;;
    s3://* | /*) unpack "$repository" "$tag" "${REGISTRY%/}" ;;
    *://*) fail "Registry: '$REGISTRY'; allowed: internet, a registry with a prefix, s3://bucket/prefix" ;;
    *) pull "$repository" "$tag" "$digest" "${REGISTRY%/}/$repository" ;;
    esac
    found=$(image_digest "$repository:$tag")
    [ "$found" = "$digest" ] || fail "$repository:$tag: its digest is not $digest, but ${found:-missing}"
    # Pods of add-ons name a tag and a digest, of which the kubelet's interface keeps the digest.
    ctr images tag --force "$repository:$tag" "$repository@sha256:$digest" >/dev/null
    for name in "$repository:$tag" "$repository@sha256:$digest"; do
        # The kubelet's garbage collection leaves it alone: a node could not pull it again.
        ctr images label "$name" io.cri-containerd.pinned=pinned >/dev/null
    done
done 3<<<"${IMAGES_TABLE:?}"
