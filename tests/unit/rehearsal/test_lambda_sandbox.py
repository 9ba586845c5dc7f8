"""How long processes of functions are kept that nobody calls: real processes, in a sandbox with a short patience."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from rehearsal.aws.services.lambda_sandbox import Function, Sandbox
from tests.rehearsal.compute import zip_of
from tests.waiting import wait_for

CODE = zip_of({"app.py": "import os\ndef handle(event, context):\n    return os.getpid()\n"})
ENVIRONMENT = {
    "_HANDLER": "app.handle",
    "AWS_LAMBDA_FUNCTION_NAME": "any",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_LOG_GROUP_NAME": "group",
}
PATIENT, IMPATIENT = 300.0, 0.2


def function(name: str) -> Function:
    """A function that answers the id of its process."""
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    return Function(name, arn, "app.handle", CODE, 10, ENVIRONMENT, "stream")


@contextmanager
def sandbox(exists: Callable[[str], bool], idle_seconds: float) -> Iterator[Sandbox]:
    """A sandbox that looks at its idle processes all the time."""
    made = Sandbox(exists, idle_seconds, sweep_seconds=0.02)
    try:
        yield made
    finally:
        made.close()


def runs(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def call(made: Sandbox, name: str) -> int:
    """The process that answered a call."""
    return int(made.run(function(name), {}, "1").payload)


def test_the_process_of_a_deleted_function_ends_and_others_stay() -> None:
    there = {function("kept").arn, function("deleted").arn}
    with sandbox(lambda arn: arn in there, PATIENT) as made:
        kept, deleted = call(made, "kept"), call(made, "deleted")
        there.discard(function("deleted").arn)
        wait_for(lambda: not runs(deleted), "the end of the deleted function's process")
        assert runs(kept)
        assert call(made, "kept") == kept


def test_a_process_that_nobody_calls_ends_and_the_next_call_starts_another() -> None:
    with sandbox(lambda arn: True, IMPATIENT) as made:
        first = call(made, "seldom")
        wait_for(lambda: not runs(first), "the end of an idle process")
        assert call(made, "seldom") != first


@pytest.mark.parametrize("there", [True, False])
def test_a_closed_sandbox_leaves_no_process(there: bool) -> None:
    with sandbox(lambda arn: there, PATIENT) as made:
        pid = call(made, "any")
    assert not runs(pid)
