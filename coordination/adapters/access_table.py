"""The table in which people ask for access: like the cluster table, but read page by page, and not whole rows."""

from __future__ import annotations

from typing import Any

from coordination.access import Outline, OutlinePage, outline
from coordination.adapters.errors import AWS_ERRORS, unknown_of_table
from coordination.adapters.expressions import key, plain
from coordination.adapters.table import ClusterTable
from coordination.names import TABLE_KEY
from coordination.outcomes import Known, Reading

_LIMIT = 500
"""Rows of a page. DynamoDB ends a page at 1 MB of what the rows hold, whatever is asked for of them."""


class AccessTable(ClusterTable):
    """The table `name`, through a DynamoDB client. No method raises for what AWS answers, or fails to."""

    def outlines(self, after: str) -> Reading[OutlinePage]:
        """The next page of rows behind the key `after`, of the whole table where that is empty.

        Whoever writes rows writes as large ones as he likes: nothing is read of them but what tells whose turn it is.
        """
        request: dict[str, Any] = {
            "TableName": self._name,
            "ConsistentRead": True,
            "Limit": _LIMIT,
            "ProjectionExpression": "#id, RequestedAt, AnsweredAt",
            "ExpressionAttributeNames": {"#id": TABLE_KEY},
            **({"ExclusiveStartKey": key(after)} if after else {}),
        }
        try:
            page = self._client.scan(**request)
        except AWS_ERRORS as error:
            return unknown_of_table("Scan", error)
        rows: list[Outline] = [outline(plain(item)) for item in page.get("Items", [])]
        last = page.get("LastEvaluatedKey")
        return Known(OutlinePage(tuple(rows), str(plain(last)[TABLE_KEY]) if last else ""))
