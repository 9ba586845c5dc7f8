"""DynamoDB: what plain moto gets wrong about tables, and what IAM has to know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.resource_facts import TABLES, EncryptionKey
from rehearsal.aws.services.patching import around

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws


def start(aws: LocalAws) -> None:
    """Tell IAM of the tables of this local AWS."""
    aws.facts.register(TABLES, Tables(aws))


class Tables:
    """moto's tables as IAM asks about them."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def partition_key(self, region: str, name: str) -> str | None:
        """The name of a table's partition key."""
        with self._aws.lock:
            found = self._find(region, name)
            return str(found.hash_key_attr) if found is not None else None

    def key(self, region: str, name: str) -> EncryptionKey | None:
        """What a table is encrypted with; None where that is DynamoDB's own key."""
        with self._aws.lock:
            found = self._find(region, name)
            encryption = (found.sse_specification or {}) if found is not None else {}
        return EncryptionKey(region, encryption["KMSMasterKeyId"]) if encryption.get("Enabled") else None

    def policy(self, region: str, name: str) -> str | None:
        """A table's own policy; None where it has none."""
        with self._aws.lock:
            found = self._find(region, name)
            held = self._backend(region).resource_policies.get(found.table_arn) if found is not None else None
            return str(held.policy_doc) if held is not None else None

    def _find(self, region: str, name: str) -> Any:
        return self._backend(region).tables.get(name)

    def _backend(self, region: str) -> Any:
        from moto.dynamodb.models import dynamodb_backends

        return dynamodb_backends[self._aws.account_id][region]


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


@correction("dynamodb", "CreateTable ignores the resource policy")
def a_table_is_made_with_its_policy() -> None:
    from moto.dynamodb.responses import DynamoHandler

    @around(DynamoHandler, "create_table")
    def create_table(plain: Any, self: Any) -> Any:
        answer = plain(self)
        if policy := self.body.get("ResourcePolicy"):
            arn = self.dynamodb_backend.get_table(self.body["TableName"]).table_arn
            self.dynamodb_backend.put_resource_policy(arn, policy, None)
        return answer
