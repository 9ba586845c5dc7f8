"""SQS: what IAM has to know of queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.aws.resource_facts import QUEUES, EncryptionKey

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws


def start(aws: LocalAws) -> None:
    """Tell IAM of the queues of this local AWS."""
    aws.facts.register(QUEUES, Queues(aws))


class Queues:
    """moto's queues as IAM asks about them."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def key(self, region: str, name: str) -> EncryptionKey | None:
        """What the messages of a queue are encrypted with; None where that is SQS's own key."""
        with self._aws.lock:
            key_id = getattr(self._find(region, name), "kms_master_key_id", None)
        return EncryptionKey(region, str(key_id)) if key_id else None

    def policy(self, region: str, name: str) -> str | None:
        """The queue's policy as JSON."""
        with self._aws.lock:
            found = self._find(region, name)
            return found.policy if found is not None else None

    def _find(self, region: str, name: str) -> Any:
        from moto.sqs.models import sqs_backends

        return sqs_backends[self._aws.account_id][region].queues.get(name)
