"""The permissions of requests to KMS itself."""

from __future__ import annotations

from rehearsal.aws.iam.context import Values
from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled, State, encryption_context

WITHOUT_KEY = frozenset({"CreateKey", "ListKeys", "ListAliases", "GenerateRandom"})


def needs(asked: Asked, state: State) -> list[Need]:
    """The permissions of a request. Raises NotModelled when it names no key that exists."""
    given = asked.parameters
    operation = asked.operation
    if operation in WITHOUT_KEY:
        return generic.needs(asked)
    if operation == "ReEncrypt":
        source = state.ciphertext_key(asked.region, given["CiphertextBlob"])
        return [
            _need("ReEncryptFrom", source, encryption_context(given.get("SourceEncryptionContext") or {})),
            _need(
                "ReEncryptTo",
                state.kms_key(asked.region, given["DestinationKeyId"]),
                encryption_context(given.get("DestinationEncryptionContext") or {}),
            ),
        ]
    if operation == "Decrypt" and not given.get("KeyId"):
        key = state.ciphertext_key(asked.region, given["CiphertextBlob"])
    else:
        key = state.kms_key(asked.region, given.get("KeyId") or given.get("TargetKeyId") or "")
    values: dict[str, Values] = encryption_context(given.get("EncryptionContext") or {}) | generic.tag_values(asked)
    if operation == "CreateGrant":
        # Only a service of AWS that makes a grant for itself is one.
        values["kms:GrantIsForAWSResource"] = "false"
    return [_need(operation, key, values)]


def _need(action: str, key: str | None, values: dict[str, Values]) -> Need:
    if key is None:
        raise NotModelled(f"kms:{action}")
    return Need(f"kms:{action}", key, values)
