"""The `teardown` item: where, and until when, to answer CloudFormation's request to delete the cluster."""

from __future__ import annotations

from dataclasses import dataclass, field

from coordination.fields import text, whole_number
from coordination.names import TABLE_KEY, TEARDOWN_ITEM
from coordination.outcomes import Item


@dataclass(frozen=True)
class Teardown:
    """One request of CloudFormation that is to be answered at `answer_by` (seconds since 1970) at the latest.

    Whoever has `response_url` may answer in our place, so it is kept out of every repr and every log.
    """

    response_url: str = field(repr=False)
    request_id: str
    stack_id: str
    logical_id: str
    physical_id: str
    answer_by: int

    def item(self) -> Item:
        """The item that stores this request."""
        return {
            TABLE_KEY: TEARDOWN_ITEM,
            "ResponseUrl": self.response_url,
            "RequestId": self.request_id,
            "StackId": self.stack_id,
            "LogicalResourceId": self.logical_id,
            "PhysicalResourceId": self.physical_id,
            "AnswerBy": self.answer_by,
        }


def teardown(item: Item) -> Teardown:
    """The request that `item` holds. Raises Malformed."""
    return Teardown(
        response_url=text(item, "ResponseUrl"),
        request_id=text(item, "RequestId"),
        stack_id=text(item, "StackId"),
        logical_id=text(item, "LogicalResourceId"),
        physical_id=text(item, "PhysicalResourceId"),
        answer_by=whole_number(item, "AnswerBy"),
    )
