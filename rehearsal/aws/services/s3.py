"""What plain moto gets wrong about buckets."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.iam import policy
from rehearsal.aws.iam.context import Context
from rehearsal.aws.iam.policy import Statement
from rehearsal.aws.services.patching import around


@correction("s3", "A Deny in a bucket's policy counts for everyone and under every condition")
def a_conditional_deny_is_left_to_enforcement() -> None:
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    @around(FakeBucket, "get_permission")
    def get_permission(_: Any, self: Any, action: str, resource: str) -> Any:
        if self.policy is None:
            return PermissionResult.NEUTRAL
        statements = policy.read(self.policy.decode(), f"policy of bucket {self.name}").statements
        # Moto knows neither the caller nor the conditions; requests of roles were judged with both before.
        open_ones = [each for each in statements if not each.conditions and _is_for_everyone(each)]
        about = [each for each in open_ones if each.is_about(action, resource, Context({}))]
        if any(not each.allows for each in about):
            return PermissionResult.DENIED
        return PermissionResult.PERMITTED if about else PermissionResult.NEUTRAL


def _is_for_everyone(statement: Statement) -> bool:
    principals = statement.principals
    return principals is not None and not principals.inverted and "*" in principals.names.get("AWS", ())
