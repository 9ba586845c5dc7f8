"""What is answered at once, and what is stored, of CloudFormation's requests."""

from __future__ import annotations

import pytest

from coordination.names import TEARDOWN_TIMEOUT_SECONDS
from coordination.teardowns import Teardown
from functions.reconcile.events import TeardownRequest
from functions.reconcile.teardown import AnswerNow, margin_seconds, plan
from tests.unit.functions.harness import CLUSTER_ID, NOW, SETTINGS, UUID

OURS = f"teardown-{UUID}"


def request(kind: str, stack_id: str = CLUSTER_ID, physical_id: str = OURS) -> TeardownRequest:
    return TeardownRequest(kind, "https://answers.example/secret", "request-1", stack_id, "Teardown", physical_id)


@pytest.mark.parametrize(("kind", "physical_id"), [("Create", ""), ("Update", OURS)])
def test_create_and_update_succeed_at_once_under_one_physical_id(kind: str, physical_id: str) -> None:
    planned = plan(request(kind, physical_id=physical_id), SETTINGS, NOW)
    assert isinstance(planned, AnswerNow)
    assert (planned.status, planned.physical_id) == ("SUCCESS", OURS)


def test_a_delete_is_stored_with_a_deadline_that_a_late_pass_can_still_keep() -> None:
    planned = plan(request("Delete"), SETTINGS, NOW)
    assert isinstance(planned, Teardown)
    assert (planned.physical_id, planned.request_id, planned.stack_id) == (OURS, "request-1", CLUSTER_ID)
    # A lease left behind (2 x 60 s), the schedule (60 s) and the pass itself (60 s).
    assert margin_seconds(SETTINGS) == 240
    assert planned.answer_by == NOW + TEARDOWN_TIMEOUT_SECONDS - 240


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request("Delete", physical_id="2026/01/01/[$LATEST]abc"), "SUCCESS"),
        (request("Delete", stack_id="arn:another-stack"), "SUCCESS"),
        (request("Create", stack_id="arn:another-stack"), "FAILED"),
        (request("Delete of Custom::Other"), "SUCCESS"),
        (request("Create of Custom::Other"), "FAILED"),
        (request("Explode"), "FAILED"),
    ],
    ids=[
        "the delete of a resource whose create was never answered",
        "the delete of another stack",
        "the create of another stack",
        "the delete of another type",
        "the create of another type",
        "an unknown request",
    ],
)
def test_what_is_not_ours_is_answered_and_changes_nothing(asked: TeardownRequest, status: str) -> None:
    planned = plan(asked, SETTINGS, NOW)
    assert isinstance(planned, AnswerNow)
    assert (planned.status, planned.physical_id) == (status, asked.physical_id)
