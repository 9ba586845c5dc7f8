"""The API of ECR, as far as it is played: repositories, and the tokens with which the registry is asked.

Our own, for moto's gives everybody the same token, and it checks none. Texts of errors are those of the API reference
and of what people report that the service says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from rehearsal.aws.ecr.archive import Pushed
from rehearsal.aws.ecr.model import EcrRegion, Repository
from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.protocol import RequestContext, ServiceError, url_suffix_of
from rehearsal.aws.regional import Pages, RegionalService, not_played

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

NAME = re.compile(r"(?=.{2,256}$)([a-z0-9]+([._-]+[a-z0-9]+)*/)*[a-z0-9]+([._-]+[a-z0-9]+)*")
"""The name of a repository (API reference, CreateRepository)."""


class Ecr(RegionalService[EcrRegion]):
    """ECR of the local AWS."""

    service_name = "ecr"

    def __init__(self, aws: LocalAws) -> None:
        super().__init__(aws, EcrRegion)

    def create_repository(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        _own_registry(context, request)
        _refuse_others(request, "registryId", "repositoryName")
        name, held = request["repositoryName"], self.held(context).repositories
        if not NAME.fullmatch(name):
            raise _invalid(
                f"Invalid parameter at 'repositoryName' failed to satisfy constraint: '{NAME.pattern}': {name}"
            )
        if name in held:
            raise ServiceError(
                "RepositoryAlreadyExistsException",
                f"The repository with name '{name}' already exists in the registry with id '{context.account_id}'",
            )
        arn = f"arn:{context.partition}:ecr:{context.region}:{context.account_id}:repository/{name}"
        uri = f"{host_of(context.account_id, context.region, context.partition)}/{name}"
        held[name] = Repository(name, arn, uri, self.aws.clock.now())
        return {"repository": _described(held[name], context.account_id)}

    def describe_repositories(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        _own_registry(context, request)
        names = request.get("repositoryNames") or sorted(self.held(context).repositories)
        found = [_described(self._repository(context, name), context.account_id) for name in names]
        shown, following = _PAGES.page(found, request)
        return {"repositories": shown, **following}

    def delete_repository(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        _own_registry(context, request)
        found = self._repository(context, request["repositoryName"])
        if found.manifests and not request.get("force"):
            raise ServiceError(
                "RepositoryNotEmptyException",
                f"The repository with name '{found.name}' in registry with id '{context.account_id}' cannot be deleted "
                "because it still contains images",
            )
        del self.held(context).repositories[found.name]
        return {"repository": _described(found, context.account_id)}

    def get_authorization_token(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        others = sorted({*(request.get("registryIds") or ())} - {context.account_id})
        if others:
            raise not_played(f"a token for the registries {', '.join(others)}")
        holder = enforcement_of(self.aws).holder(context.access_key_id)
        token = self.held(context).issue(holder, self.aws.clock.now())
        given = {
            "authorizationToken": token.encoded(),
            "expiresAt": token.expires_at,
            "proxyEndpoint": f"https://{host_of(context.account_id, context.region, context.partition)}",
        }
        return {"authorizationData": [given]}

    def push(self, region: str, repository: str, tag: str, pushed: Pushed) -> str:
        """Put an image into a repository; the name by which it is pulled. LookupError where there is no such one."""
        with self.aws.lock:
            found = self.in_region(region).repositories.get(repository)
            if found is None:
                raise LookupError(no_repository(repository, self.aws.account_id))
            found.push(tag, pushed.manifest, pushed.blobs)
            return f"{found.uri}:{tag}"

    def _repository(self, context: RequestContext, name: str) -> Repository:
        found = self.held(context).repositories.get(name)
        if found is None:
            raise ServiceError("RepositoryNotFoundException", no_repository(name, context.account_id))
        return found


def host_of(account_id: str, region: str, partition: str) -> str:
    """The host of an account's registry."""
    return f"{account_id}.{service_host(region, partition)}"


def service_host(region: str, partition: str) -> str:
    """What the hosts of all registries of a region end in."""
    return f"dkr.ecr.{region}.{url_suffix_of(partition)}"


def no_repository(name: str, account_id: str) -> str:
    """What API and registry say of a repository that does not exist."""
    return f"The repository with name '{name}' does not exist in the registry with id '{account_id}'"


def _described(repository: Repository, account_id: str) -> dict[str, Any]:
    return {
        "repositoryArn": repository.arn,
        "registryId": account_id,
        "repositoryName": repository.name,
        "repositoryUri": repository.uri,
        "createdAt": repository.created_at,
        "imageTagMutability": "MUTABLE",
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }


def _own_registry(context: RequestContext, request: Mapping[str, Any]) -> None:
    asked = request.get("registryId") or context.account_id
    if asked != context.account_id:
        raise not_played(f"the registry {asked} of another account")


def _refuse_others(request: Mapping[str, Any], *known: str) -> None:
    others = sorted(name for name, value in request.items() if value and name not in known)
    if others:
        raise not_played(f"{', '.join(others)} of a repository")


def _invalid(text: str) -> ServiceError:
    return ServiceError("InvalidParameterException", text)


_PAGES = Pages(
    token="nextToken",
    size="maxResults",
    # API reference, DescribeRepositories.
    entries=100,
    wrong=lambda token: _invalid(f"Invalid parameter at 'nextToken': {token}"),
)

_running: WeakKeyDictionary[LocalAws, Ecr] = WeakKeyDictionary()


def ecr_of(aws: LocalAws) -> Ecr:
    """The ECR of a running local AWS. KeyError when it is not started."""
    return _running[aws]


def start(aws: LocalAws) -> None:
    """Answer ECR's requests in this local AWS."""
    service = Ecr(aws)
    _running[aws] = service
    aws.register(service)
