"""IAM's own API: what plain moto gets wrong, and what the evaluation of permissions has to know of roles and users."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.partitions import by_name
from rehearsal.aws.resource_facts import IDENTITIES, AccessKey, Identity, NamedDocument
from rehearsal.aws.services.patching import added, around, given

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

BOUNDARY = "permissions_boundary_arn"
"""Where moto keeps a role's boundary, and the correction below a user's."""


def start(aws: LocalAws) -> None:
    """Tell the evaluation of permissions of the roles and users of this local AWS."""
    aws.facts.register(IDENTITIES, Identities(aws))


class Identities:
    """moto's roles and users as the evaluation of permissions asks about them."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def find(self, arn: str) -> Identity | None:
        """The role or user as it is now."""
        with self._aws.lock:
            for backend in self._backends():
                for each in (*backend.roles.values(), *backend.users.values()):
                    if each.arn == arn:
                        return _identity(backend, each)
        return None

    def access_key(self, access_key_id: str) -> AccessKey | None:
        """A user's access key; None for one that no user has."""
        with self._aws.lock:
            for backend in self._backends():
                for user in backend.users.values():
                    for key in user.access_keys:
                        if key.access_key_id == access_key_id:
                            return AccessKey(str(user.arn), str(key.secret_access_key), key.status == "Active")
        return None

    def managed_policy(self, arn: str) -> NamedDocument | None:
        """The version of a managed policy that is in force."""
        with self._aws.lock:
            found = [each for backend in self._backends() if (each := backend.managed_policies.get(arn)) is not None]
            return NamedDocument(arn, _current(found[0])) if found else None

    def arn(self, partition: str, kind: str, name: str) -> str | None:
        """The ARN, with its path, of a `role`, `user`, `group` or `instance-profile` by its name."""
        with self._aws.lock:
            backend = self._backend(partition)
            all_of = {
                "role": backend.roles,
                "user": backend.users,
                "group": backend.groups,
                "instance-profile": backend.instance_profiles,
            }
            return next((str(each.arn) for each in all_of[kind].values() if each.name == name), None)

    def profile_role(self, partition: str, profile: str) -> str | None:
        """The ARN of the role in an instance profile, by the profile's name or ARN."""
        with self._aws.lock:
            for each in self._backend(partition).instance_profiles.values():
                if profile in (each.name, each.arn):
                    return str(each.roles[0].arn) if each.roles else None
        return None

    def _backend(self, partition: str) -> Any:
        from moto.iam.models import iam_backends

        return iam_backends[self._aws.account_id][partition]

    def _backends(self) -> Iterable[Any]:
        from moto.iam.models import iam_backends

        return list(iam_backends[self._aws.account_id].values())


def _identity(backend: Any, found: Any) -> Identity:
    is_role = ":role/" in found.arn
    holders = [found] if is_role else [found, *(each for each in backend.groups.values() if found in each.users)]
    policies = []
    for holder in holders:
        policies += [NamedDocument(f"{holder.name}/{name}", _text(text)) for name, text in holder.policies.items()]
        policies += [NamedDocument(each.name, _current(each)) for each in holder.managed_policies.values()]
    tags = backend.tagger.list_tags_for_resource(found.arn)["Tags"] if not is_role else found.tags or ()
    boundary_arn = getattr(found, BOUNDARY, None) or None
    boundary = backend.managed_policies.get(boundary_arn) if boundary_arn else None
    return Identity(
        arn=str(found.arn),
        unique_id=str(found.id),
        name=str(found.name),
        tags={tag["Key"]: tag["Value"] for tag in (tags.values() if isinstance(tags, dict) else tags)},
        policies=tuple(policies),
        boundary_arn=boundary_arn,
        boundary=NamedDocument(str(boundary_arn), _current(boundary)) if boundary is not None else None,
        trust=_text(found.assume_role_policy_document) if is_role else None,
        longest_session_seconds=int(found.max_session_duration or 3600) if is_role else 3600,
    )


def _current(managed: Any) -> str:
    """The version of a managed policy that is in force."""
    return _text(next(each.document for each in managed.versions if each.version_id == managed.default_version_id))


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def _require(backend: Any, boundary_arn: str | None) -> None:
    from moto.iam.exceptions import NoSuchEntity

    if boundary_arn and boundary_arn not in backend.managed_policies and not _is_awss(backend, boundary_arn):
        raise NoSuchEntity(f"Scope ARN: {boundary_arn} does not exist or is not attachable.")


def _is_awss(backend: Any, arn: str) -> bool:
    """Whether AWS has a managed policy of that ARN; then it is among the backend's policies. moto knows their texts,
    and would take a third of a second to load them all at its start."""
    owner, slash, path = arn.partition(":policy/")
    if not slash or not owner.endswith(":iam::aws"):
        return False
    from moto.iam.aws_managed_policies import aws_managed_policies_data
    from moto.iam.models import AWSManagedPolicy

    name = path.rpartition("/")[2]
    data = json.loads(aws_managed_policies_data).get(name)
    if data is None:
        return False
    known = AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, data)
    if known.arn != arn:
        return False
    backend.managed_policies[arn] = known
    return True


@correction("iam", "A role's trust policy takes service principals that do not exist, such as `ec2.amazonaws.eu`")
def a_service_principal_must_exist() -> None:
    from moto.iam.models import IAMBackend

    @around(IAMBackend, "create_role")
    def create_role(plain: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        _require_principals(self.partition, given(plain, self, *args, **kwargs)["assume_role_policy_document"])
        return plain(self, *args, **kwargs)

    @around(IAMBackend, "update_assume_role_policy")
    def update_assume_role_policy(plain: Any, self: Any, role_name: str, policy_document: str) -> None:
        _require_principals(self.partition, policy_document)
        plain(self, role_name, policy_document)


def _require_principals(partition: str, trust: Any) -> None:
    """The text is that of https://github.com/pulumi/pulumi-eks/issues/2341."""
    from moto.iam.exceptions import MalformedPolicyDocument

    statements = json.loads(_text(trust)).get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        for service in [services] if isinstance(services, str) else services:
            if not by_name(partition).has_principal(service):
                raise MalformedPolicyDocument(f'Invalid principal in policy: "SERVICE":"{service}"')


@correction("iam", "CreateRole accepts a permissions boundary that does not exist")
def a_boundary_must_exist() -> None:
    from moto.iam.models import IAMBackend

    @around(IAMBackend, "create_role")
    def create_role(plain: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        _require(self, given(plain, self, *args, **kwargs).get("permissions_boundary"))
        return plain(self, *args, **kwargs)

    @around(IAMBackend, "put_role_permissions_boundary")
    def put_role_permissions_boundary(plain: Any, self: Any, role_name: str, permissions_boundary: str) -> Any:
        _require(self, permissions_boundary)
        return plain(self, role_name, permissions_boundary)


@correction("iam", "A user has no permissions boundary: CreateUser drops it, and PutUserPermissionsBoundary fails")
def a_user_has_a_boundary() -> None:
    from moto.core.responses import EmptyResult
    from moto.iam.responses import IamResponse

    def put(response: Any, boundary_arn: str | None) -> None:
        user = response.backend.get_user(response._get_param("UserName"))
        _require(response.backend, boundary_arn)
        setattr(user, BOUNDARY, boundary_arn)

    @around(IamResponse, "create_user")
    def create_user(plain: Any, self: Any) -> Any:
        boundary_arn = self._get_param("PermissionsBoundary")
        _require(self.backend, boundary_arn)
        answer = plain(self)
        put(self, boundary_arn)
        return answer

    @added(IamResponse, "put_user_permissions_boundary")
    def put_boundary(self: Any) -> Any:
        put(self, self._get_param("PermissionsBoundary"))
        return EmptyResult()

    @added(IamResponse, "delete_user_permissions_boundary")
    def delete_boundary(self: Any) -> Any:
        put(self, None)
        return EmptyResult()


@correction("iam", "DeletePolicy deletes a policy that is attached, or that has other versions than its default one")
def a_policy_in_use_is_not_deleted() -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html"""
    from moto.iam.exceptions import DeleteConflictException
    from moto.iam.models import IAMBackend

    @around(IAMBackend, "delete_policy")
    def delete_policy(plain: Any, self: Any, policy_arn: str) -> Any:
        held = self.get_policy(policy_arn)
        if held.attachment_count:
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        if len(held.versions) > 1:
            raise DeleteConflictException(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's "
                "versions. The default version is deleted with the policy."
            )
        return plain(self, policy_arn)
