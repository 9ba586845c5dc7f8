"""What plain moto gets wrong about IAM."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import around, given


@correction("iam", "CreateRole accepts a permissions boundary that does not exist")
def a_boundary_must_exist() -> None:
    from moto.iam.exceptions import NoSuchEntity
    from moto.iam.models import IAMBackend

    def require(backend: Any, arn: str | None) -> None:
        if arn and arn not in backend.managed_policies:
            raise NoSuchEntity(f"Scope ARN: {arn} does not exist or is not attachable.")

    @around(IAMBackend, "create_role")
    def create_role(plain: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        require(self, given(plain, self, *args, **kwargs).get("permissions_boundary"))
        return plain(self, *args, **kwargs)

    @around(IAMBackend, "put_role_permissions_boundary")
    def put_role_permissions_boundary(plain: Any, self: Any, role_name: str, permissions_boundary: str) -> Any:
        require(self, permissions_boundary)
        return plain(self, role_name, permissions_boundary)
