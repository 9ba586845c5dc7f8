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
    if operation == "CreateKey":
        # The key has no policy yet, so the caller's own decide (Service Authorization Reference, AWS KMS).
        policy = [Need("kms:PutKeyPolicy")] if given.get("Policy") else []
        return [*generic.needs(asked), *policy, *generic.tagging(asked, "kms:TagResource", "*")]
    if operation in WITHOUT_KEY:
        return generic.needs(asked)
    if operation in ("CreateAlias", "UpdateAlias", "DeleteAlias"):
        return _alias(asked, state)
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


def _alias(asked: Asked, state: State) -> list[Need]:
    """Of the alias, and of the keys that it has had and gets (KMS guide, "Controlling access to aliases")."""
    name, target = asked.parameters["AliasName"], asked.parameters.get("TargetKeyId")
    keys = [] if asked.operation == "CreateAlias" else [state.kms_key(asked.region, name)]
    keys += [state.kms_key(asked.region, target)] if target else []
    found = [Need(f"kms:{asked.operation}", asked.arn("kms", name))]
    return found + [Need(f"kms:{asked.operation}", key) for key in dict.fromkeys(keys) if key is not None]


def _need(action: str, key: str | None, values: dict[str, Values]) -> Need:
    if key is None:
        raise NotModelled(f"kms:{action}")
    return Need(f"kms:{action}", key, values)
