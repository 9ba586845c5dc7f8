"""KMS: what plain moto gets wrong about keys, and what IAM has to know of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.resource_facts import KEYS
from rehearsal.aws.services.patching import around

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

AWS_ALIAS = "alias/aws/"
"""How the aliases of AWS's own keys begin."""
KEY_ID_LENGTH = 36
"""Moto writes the key's id in front of what it encrypted."""


def start(aws: LocalAws) -> None:
    """Tell IAM of the keys of this local AWS."""
    aws.facts.register(KEYS, Keys(aws))


class Keys:
    """moto's keys as IAM asks about them."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def arn(self, region: str, key_id: str) -> str | None:
        """The ARN of a customer key, by its id, ARN or alias; None for AWS's own keys and those that do not exist."""
        with self._aws.lock:
            backend = self._backend(region)
            name = backend.get_alias_name(key_id)
            if name.startswith(AWS_ALIAS):
                return None
            found = backend.get_key_id_from_alias(name) if name.startswith("alias/") else backend.get_key_id(key_id)
            key = backend.keys.get(found or "")
            if key is None or any(str(alias).startswith(AWS_ALIAS) for alias in key.aliases):
                return None
            return str(key.arn)

    def id_in(self, ciphertext: bytes) -> str:
        """The id of the key that something was encrypted with."""
        return ciphertext[:KEY_ID_LENGTH].decode("ascii", "replace")

    def policy(self, region: str, key_id: str) -> str | None:
        """The key's policy as JSON."""
        with self._aws.lock:
            found = self._backend(region).keys.get(key_id)
            return str(found.policy) if found is not None else None

    def tags(self, region: str, key_id: str) -> Mapping[str, str] | None:
        """The tags of a key, by its id; None for one that does not exist."""
        with self._aws.lock:
            backend = self._backend(region)
            if key_id not in backend.keys:
                return None
            found: dict[str, str] = backend.tagger.get_tag_dict_for_resource(key_id)
            return found

    def _backend(self, region: str) -> Any:
        from moto.kms.models import kms_backends

        return kms_backends[self._aws.account_id][region]


@correction("kms", "A key that is disabled or waits for its deletion still encrypts and decrypts")
def an_unusable_key_is_refused() -> None:
    from moto.core.exceptions import JsonRESTError
    from moto.kms.models import KmsBackend

    def require_usable(backend: Any, key_id: str) -> None:
        key = backend.keys[backend.any_id_to_key_id(key_id)]
        if key.key_state == "PendingDeletion":
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
        if not key.enabled:
            raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")

    @around(KmsBackend, "encrypt")
    @around(KmsBackend, "generate_data_key")
    def with_key(plain: Any, self: Any, key_id: str, *args: Any, **kwargs: Any) -> Any:
        require_usable(self, key_id)
        return plain(self, key_id, *args, **kwargs)

    @around(KmsBackend, "decrypt")
    def decrypt(plain: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        answer = plain(self, *args, **kwargs)
        require_usable(self, answer[1])
        return answer


@correction("kms", "ScheduleKeyDeletion does nothing, and reports success, outside its 7 to 30 days")
def a_waiting_period_is_seven_to_thirty_days() -> None:
    from moto.kms.exceptions import ValidationException
    from moto.kms.models import KmsBackend

    @around(KmsBackend, "schedule_key_deletion")
    def schedule_key_deletion(plain: Any, self: Any, key_id: str, pending_window_in_days: int) -> Any:
        if not 7 <= pending_window_in_days <= 30:
            raise ValidationException(f"PendingWindowInDays must be between 7 and 30, not {pending_window_in_days}")
        return plain(self, key_id, pending_window_in_days)


@correction("kms", "CreateKey and PutKeyPolicy accept a policy that is not JSON")
def a_key_policy_is_a_document() -> None:
    from moto.core.exceptions import JsonRESTError
    from moto.kms.models import KmsBackend

    def require_document(policy: str | None) -> None:
        try:
            statements = json.loads(policy)["Statement"] if policy else True
        except (ValueError, KeyError, TypeError):
            statements = None
        if not statements:
            raise JsonRESTError("MalformedPolicyDocumentException", "The new key policy is not a policy document")

    @around(KmsBackend, "create_key")
    def create_key(plain: Any, self: Any, policy: str | None, *args: Any, **kwargs: Any) -> Any:
        require_document(policy)
        return plain(self, policy, *args, **kwargs)

    @around(KmsBackend, "put_key_policy")
    def put_key_policy(plain: Any, self: Any, key_id: str, policy: str) -> Any:
        require_document(policy)
        return plain(self, key_id, policy)
