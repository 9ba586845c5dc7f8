"""moto's accounts without most of their public images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from moto.utilities.utils import load_resource

KEPT = {"ami-076f415166b04f5fe"}
"""What tests name of the images that each region has of its own."""


@pytest.fixture(scope="package", autouse=True)
def few_images() -> Iterator[None]:
    """Each new account and each reset registers some 1,300 of them, in every region that a test of the process has
    named: a quarter of a second each time, which is more than most tests take. Tests elsewhere build images of them."""

    @cache
    def kept(path: str) -> list[dict[str, Any]]:
        return [each for each in load_resource(path) if each["ami_id"] in KEPT]

    def few(path: str) -> list[dict[str, Any]]:
        # moto changes what it is given.
        return [dict(each) for each in kept(path)]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("moto.ec2.models.amis.load_resource", few)
        yield
