"""IAM's own API: what plain moto gets wrong, and what the evaluation of permissions has to know of roles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.resource_facts import ROLES, NamedDocument, Role
from rehearsal.aws.services.patching import around, given

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws


def start(aws: LocalAws) -> None:
    """Tell the evaluation of permissions of the roles of this local AWS."""
    aws.facts.register(ROLES, Roles(aws))


class Roles:
    """moto's roles as the evaluation of permissions asks about them."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def find(self, arn: str) -> Role | None:
        """The role as it is now."""
        from moto.iam.models import iam_backends

        with self._aws.lock:
            backend = iam_backends[self._aws.account_id][arn.split(":")[1]]
            role = next((each for each in backend.roles.values() if each.arn == arn), None)
            if role is None:
                return None
            tags = role.tags.values() if isinstance(role.tags, dict) else role.tags or ()
            inline = [NamedDocument(f"{role.name}/{name}", _text(text)) for name, text in role.policies.items()]
            managed = [NamedDocument(each.name, _current(each)) for each in role.managed_policies.values()]
            boundary_arn = role.permissions_boundary_arn or None
            boundary = backend.managed_policies.get(boundary_arn) if boundary_arn else None
            return Role(
                role_id=str(role.id),
                tags={tag["Key"]: tag["Value"] for tag in tags},
                policies=(*inline, *managed),
                boundary_arn=boundary_arn,
                boundary=NamedDocument(str(boundary_arn), _current(boundary)) if boundary is not None else None,
            )


def _current(managed: Any) -> str:
    """The version of a managed policy that is in force."""
    return _text(next(each.document for each in managed.versions if each.version_id == managed.default_version_id))


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


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
