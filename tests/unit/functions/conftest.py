"""A cluster with one control-plane instance that a terminating hook holds, and CloudFormation's end of answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.functions.harness import AnswerServer, FunctionHarness, function_harness, instance


@pytest.fixture
def there() -> Iterator[FunctionHarness]:
    with function_harness(instance("i-1")) as made:
        yield made


@pytest.fixture
def server() -> Iterator[AnswerServer]:
    with AnswerServer() as made:
        yield made
