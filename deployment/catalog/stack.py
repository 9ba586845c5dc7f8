"""The catalog stack: created with the first version of its product, or updated in all that is not the product's own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordination.names import CatalogOutput
from deployment import beside, next_steps, package_input, parameters, service_role, templates
from deployment.aws import Aws
from deployment.beside import Kind
from deployment.catalog import uploads
from deployment.next_steps import Typed
from deployment.package import Target
from deployment.refusal import Refusal
from deployment.stacks import Stack
from deployment.templates import Body

_PRODUCT = "AWS::ServiceCatalog::CloudFormationProduct"
_KIND = Kind(CatalogOutput.PRODUCT, _PRODUCT, "is no catalog")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
# What the command fills in itself.
_FIRST = ("FirstVersion", "FirstTemplateUrl", "FirstDescription")


@dataclass(frozen=True)
class Release:
    """A version that is to be published: its name, the root template, and where it goes."""

    version: str
    root: Path
    code: Path | None
    target: Target


@dataclass(frozen=True)
class CatalogOrder:
    """What to deploy: the template of the catalog, the stack's name, the values that were given, the first version."""

    stack: str
    template: Path
    given: Mapping[str, str]
    release: Release
    typed: Typed
    role: str = ""


@dataclass(frozen=True)
class CatalogStack:
    """The outputs of a catalog stack."""

    name: str
    product: str
    location: str
    """The bucket and the prefix from which the launch role reads, as bucket/ or bucket/prefix/."""
    actions: tuple[str, ...]
    """The IDs of the service actions that each version is to have; none of a stack of an earlier release."""


def find(cloudformation: Any, name: str, typed: Typed) -> CatalogStack:
    """The stack. Raises Refusal where there is none, or it is of another kind."""
    stack = beside.find(cloudformation, name)
    if stack is None:
        again = typed.make("catalog", PARAMS=typed.parameters or next_steps.PARAMETERS_PLACEHOLDER)
        raise Refusal(f"there is no catalog stack {name}; to make it: {again}")
    return _of(stack)


def deploy(
    account: Aws, order: CatalogOrder, say: Callable[[str], None], aside: Callable[[str], None]
) -> CatalogStack | None:
    """Creates the stack with the first version, or updates it; None where that failed and was told.

    Raises Refusal and StoppedFollowing.
    """
    cloudformation = account.client("cloudformation")
    template = templates.load(order.template, "make templates")
    given = dict(order.given)
    _refuse_own(given)
    existing = beside.find(cloudformation, order.stack)
    if existing is None:
        _refuse_bad_version(order.release.version)
        package_input.refuse_no_bucket(order.release.target.bucket)
        given |= _places(order.release.target, given)
        # Everything else is looked at before anything is uploaded.
        parameters.check(template, given | {_FIRST[0]: order.release.version, _FIRST[1]: "https://template"})
        first = uploads.upload(
            account, order.release.root, order.release.target, order.release.code, order.typed, aside
        )
        given |= dict(zip(_FIRST, (order.release.version, first.url, first.description), strict=True))
    else:
        _KIND.refuse_others(cloudformation, existing)
        beside.refuse_unless_updatable(existing)
        service_role.refuse_other(existing, order.role)
        if order.release.version:
            again = order.typed.make("publish")
            raise Refusal(f"VERSION: given {order.release.version}, and {order.stack} is there already: {again}")
        _refuse_of_product(template, given, existing)
    request = parameters.for_stack(template, given, existing.parameters if existing is not None else {})
    stopped = "and what was uploaded stays in the bucket"
    bucket = order.release.target.bucket or None
    wanted = beside.Wanted(order.stack, order.template, request, bucket, order.role)
    stack = beside.deploy(account, existing, wanted, say, stopped)
    return None if stack is None else _of(stack)


def _places(target: Target, given: Mapping[str, str]) -> dict[str, str]:
    """Where the launch role has to read: what was typed is meant. Raises Refusal where the parameters say otherwise."""
    meant = {"TemplateBucket": target.bucket, "TemplatePrefix": target.prefix or ""}
    for name, value in meant.items():
        if given.get(name, value) != value:
            variable = name.removeprefix("Template").upper()
            raise Refusal(
                f"{name}: given {given[name] or 'nothing'}; allowed: what {variable}= is, {value or 'nothing'}"
            )
    if target.kms_key and not given.get("TemplateKeyArn"):
        raise Refusal("TemplateKeyArn: given nothing; allowed: the ARN of KMS_KEY=, with which the launch role reads")
    return meant


def _refuse_bad_version(version: str) -> None:
    if not VERSION.fullmatch(version):
        raise Refusal(f"VERSION: given {version or 'nothing'}; allowed: up to 64 letters, digits and ._+-, as in 1.0.0")


def _refuse_own(given: Mapping[str, str]) -> None:
    for name in _FIRST:
        if name in given:
            raise Refusal(f"{name}: given {given[name]}; allowed: nothing, for VERSION= says it")


def _refuse_of_product(template: Body, given: Mapping[str, str], existing: Stack) -> None:
    """No page says what an update of the product leaves of versions that were published."""
    product = next(each for each in template["Resources"].values() if each["Type"] == _PRODUCT)
    for name in sorted(set(re.findall(r'"Ref": "(\w+)"', json.dumps(product)))):
        before = existing.parameters.get(name)
        if name in given and before is not None and given[name] != before:
            raise Refusal(
                f"{name}: given {given[name] or 'nothing'}; allowed: {before or 'nothing'}, for it never changes: what "
                "becomes of published versions then is not known"
            )


def _of(stack: Stack) -> CatalogStack:
    outputs = _KIND.outputs(stack)
    actions = tuple(each for each in outputs.get(CatalogOutput.ACTIONS, "").split(",") if each)
    return CatalogStack(stack.name, outputs[CatalogOutput.PRODUCT], outputs[CatalogOutput.TEMPLATES], actions)
