"""What plain moto gets wrong about DynamoDB's tables."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import around


@correction("dynamodb", "UpdateTable ignores the encryption settings")
def a_table_changes_its_encryption() -> None:
    from moto.dynamodb.responses import DynamoHandler, DynamoResult

    @around(DynamoHandler, "update_table")
    def update_table(plain: Any, self: Any) -> Any:
        answer = plain(self)
        wanted = self.body.get("SSESpecification")
        if wanted is None:
            return answer
        table = self.dynamodb_backend.get_table(self.body["TableName"])
        key = wanted.get("KMSMasterKeyId") or table._get_default_encryption_key(table.account_id, table.region_name)
        table.sse_specification = {"Enabled": wanted.get("Enabled", False), "SSEType": "KMS", "KMSMasterKeyId": key}
        return DynamoResult(table.describe())


@correction("dynamodb", "A table's stream cannot be switched on again after it was switched off")
def a_stream_can_start_again() -> None:
    from moto.dynamodb.models import DynamoDBBackend

    @around(DynamoDBBackend, "update_table_streams")
    def update_table_streams(plain: Any, self: Any, table: Any, stream_specification: dict[str, Any]) -> None:
        # The label of the last stream stays readable; only a stream that is on forbids a new one.
        if not (table.stream_specification or {}).get("StreamEnabled"):
            table.latest_stream_label = None
        label = table.latest_stream_label
        plain(self, table, stream_specification)
        table.latest_stream_label = table.latest_stream_label or label
