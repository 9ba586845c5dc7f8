"""When an operation that has ended may be followed by another one."""

from __future__ import annotations

import pytest

from coordination.operations import DOUBT_SECONDS, Operation, OperationKind, OperationOutcome, OperationState

ENDED_AT = 1_800_000_000


@pytest.mark.parametrize("outcome", [OperationOutcome.WITHDRAWN, OperationOutcome.VETOED])
def test_what_an_agent_had_accepted_is_in_doubt_for_a_minute_unless_it_is_done(outcome: OperationOutcome) -> None:
    ended = _ended(OperationState.ACCEPTED, outcome)
    assert ended.is_in_doubt(ENDED_AT + DOUBT_SECONDS - 1)
    assert not ended.is_in_doubt(ENDED_AT + DOUBT_SECONDS)


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (OperationState.ACCEPTED, OperationOutcome.DONE),
        (OperationState.REQUESTED, OperationOutcome.VETOED),
        (OperationState.REQUESTED, OperationOutcome.WITHDRAWN),
        (OperationState.ACCEPTED, None),
    ],
)
def test_what_no_agent_can_be_about_to_do_is_not_in_doubt(
    state: OperationState, outcome: OperationOutcome | None
) -> None:
    assert not _ended(state, outcome).is_in_doubt(ENDED_AT + 1)


def _ended(state: OperationState, outcome: OperationOutcome | None) -> Operation:
    return Operation("1-1", OperationKind.REMOVE, "i-1", "a1", 1, state, ENDED_AT, outcome=outcome, ended_at=ENDED_AT)
