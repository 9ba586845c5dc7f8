"""`make catalog` and `make publish`."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from deployment.aws import Aws
from deployment.catalog import stack, uploads
from deployment.catalog.stack import VERSION, CatalogOrder, CatalogStack, Release
from deployment.next_steps import Typed
from deployment.package import Target
from deployment.refusal import Refusal

_print = partial(print, flush=True)
_print_aside = partial(print, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Published:
    """A version of the product in Service Catalog."""

    identity: str
    name: str
    new: bool
    """Whether this command has made it; it was there already otherwise, with the same content."""


def deploy(account: Aws, order: CatalogOrder, *, as_json: bool, say: Callable[[str], None] = _print) -> bool:
    """Deploys the stack; True where it is there then. Raises Refusal and StoppedFollowing.

    With `as_json` the product alone is told on standard output.
    """
    made = stack.deploy(account, order, _print_aside if as_json else say, _print_aside)
    if made is None:
        return False
    catalog = account.client("servicecatalog")
    # All of them: an update of the stack may have brought actions that older versions lack.
    for each in catalog.list_provisioning_artifacts(ProductId=made.product)["ProvisioningArtifactDetails"]:
        _give_actions(catalog, made, each["Id"])
    if as_json:
        say(json.dumps({"stack": made.name, "product": made.product, "templates": made.location}))
    else:
        say(f"next: {order.typed.make('publish', VERSION='NEXT_VERSION')}")
    return True


def publish(
    account: Aws, name: str, release: Release, typed: Typed, *, as_json: bool, say: Callable[[str], None] = _print
) -> Published:
    """Packages, uploads, and adds the version; a version that is there with the same content stays as it is.

    Raises Refusal, also for one that is there with another content, and ClientError.
    """
    if not VERSION.fullmatch(release.version):
        given = release.version or "nothing"
        raise Refusal(f"VERSION: given {given}; allowed: up to 64 letters, digits and ._+-, as in 1.0.0")
    found = stack.find(account.client("cloudformation"), name, typed)
    _refuse_elsewhere(found, release.target)
    uploaded = uploads.upload(account, release.root, release.target, release.code, typed, _print_aside)
    catalog = account.client("servicecatalog")
    made = _published(catalog, found, release.version, uploaded)
    _give_actions(catalog, found, made.identity)
    if as_json:
        said = {"product": found.product, "version": made.name, "id": made.identity, "new": made.new}
        say(json.dumps({**said, "template": uploaded.url, "digest": uploaded.digest}))
    else:
        state = "is published" if made.new else "was published before, with the same content"
        say(f"version {made.name} of {found.product} {state}: {made.identity}")
        say(f"  {uploaded.url}")
    return made


def _published(catalog: Any, found: CatalogStack, version: str, uploaded: uploads.Uploaded) -> Published:
    # The operation has no pages.
    there = catalog.list_provisioning_artifacts(ProductId=found.product)["ProvisioningArtifactDetails"]
    for each in there:
        if each["Name"] != version:
            continue
        if not str(each.get("Description") or "").endswith(uploaded.digest):
            raise Refusal(
                f"VERSION: given {version}, which is published with another content ({each['Id']}); allowed: a new name"
            )
        return Published(each["Id"], version, new=False)
    token = hashlib.sha256(f"{found.product} {version} {uploaded.digest}".encode()).hexdigest()
    made = catalog.create_provisioning_artifact(
        ProductId=found.product,
        IdempotencyToken=token,
        Parameters={
            "Name": version,
            "Description": uploaded.description,
            "Type": "CLOUD_FORMATION_TEMPLATE",
            "Info": {"LoadTemplateFromURL": uploaded.url},
        },
    )
    return Published(made["ProvisioningArtifactDetail"]["Id"], version, new=True)


def _give_actions(catalog: Any, found: CatalogStack, version: str) -> None:
    """Lets whoever has a version use the service actions. Raises ClientError."""
    for action in found.actions:
        try:
            catalog.associate_service_action_with_provisioning_artifact(
                ProductId=found.product, ProvisioningArtifactId=version, ServiceActionId=action
            )
        except catalog.exceptions.DuplicateResourceException:
            continue


def _refuse_elsewhere(found: CatalogStack, target: Target) -> None:
    """Elsewhere the launch role reads nothing, and every launch would fail."""
    given = f"{target.bucket}/{target.prefix}/" if target.prefix else f"{target.bucket}/"
    if given != found.location:
        bucket, _, prefix = found.location.rstrip("/").partition("/")
        allowed = f"BUCKET={bucket} PREFIX={prefix}" if prefix else f"BUCKET={bucket} without PREFIX="
        raise Refusal(f"BUCKET: given s3://{given}; allowed: {allowed}, where the launch role of {found.name} reads")
