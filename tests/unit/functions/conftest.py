"""A cluster with one control-plane instance that a terminating hook holds, and CloudFormation's end of answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.functions.harness import AnswerServer, World, instance, world


@pytest.fixture
def there() -> Iterator[World]:
    with world(instance("i-1")) as made:
        yield made


@pytest.fixture
def server() -> Iterator[AnswerServer]:
    with AnswerServer() as made:
        yield made
