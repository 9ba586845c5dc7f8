"""How answers that are no success are sorted: by the API server's reason and causes, never by its sentences."""

from __future__ import annotations

from typing import Any

import pytest

from coordination.outcomes import Throttled, Unknown
from userdata.kube.outcomes import ApiConflict, BudgetRefusal, Forbidden, NotFound, failure

VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget."
NEEDS = "The disruption budget web needs 1 healthy pods and has 1 currently"


def too_many(**details: Any) -> dict[str, Any]:
    """A Status of the API server with status code 429."""
    return {"kind": "Status", "status": "Failure", "message": VIOLATES, "reason": "TooManyRequests", **details}


def test_a_budget_that_refuses_is_named() -> None:
    answer = too_many(details={"causes": [{"reason": "Other"}, {"reason": "DisruptionBudget", "message": NEEDS}]})
    assert failure("evict pods web-0", 429, answer) == BudgetRefusal(f"evict pods web-0: {VIOLATES} {NEEDS}")


def test_a_budget_that_gives_no_reason_refuses_all_the_same() -> None:
    answer = too_many(details={"causes": [{"reason": "DisruptionBudget"}]})
    assert isinstance(failure("evict", 429, answer), BudgetRefusal)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        too_many(),
        too_many(details=None),
        too_many(details={"causes": None}),
        too_many(details={"causes": ["DisruptionBudget"]}),
        too_many(details={"causes": [{"reason": "Other", "message": "DisruptionBudget"}]}),
    ],
)
def test_an_api_server_that_has_too_much_to_do_is_no_budget(answer: object) -> None:
    outcome = failure("evict", 429, answer)
    assert isinstance(outcome, Throttled)
    assert outcome.code == "HTTP 429"


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [(404, "NotFound", NotFound), (409, "Conflict", ApiConflict), (403, "Forbidden", Forbidden)],
)
def test_a_refusal_has_the_kind_of_its_reason(status: int, reason: str, kind: type) -> None:
    assert type(failure("evict", status, {"reason": reason})) is kind


def test_two_budgets_of_a_pod_have_no_kind_and_are_unknown() -> None:
    said = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    assert failure("evict", 500, {"message": said}) == Unknown(f"evict: {said}", "HTTP 500")


def test_a_long_reason_is_cut() -> None:
    answer = too_many(message="m" * 1000, details={"causes": [{"reason": "DisruptionBudget", "message": "c" * 1000}]})
    outcome = failure("evict", 429, answer)
    assert len(outcome.reason) == 300
