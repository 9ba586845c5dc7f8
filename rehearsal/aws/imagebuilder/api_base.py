"""What all operations of Image Builder share: names and ARNs, times, errors, and pages.

Errors are those that the API reference lists; that Get… answers ResourceNotFoundException for what is not there is what
its clients look for (HashiCorp's provider, service/imagebuilder).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rehearsal.aws.iam.requests import rest
from rehearsal.aws.imagebuilder.model import Body, BuilderRegion
from rehearsal.aws.protocol import RequestContext, ServiceError
from rehearsal.aws.regional import Pages, RegionalService

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from rehearsal.aws.clock import Clock
    from rehearsal.aws.server import LocalAws

NAME = re.compile(r"[-_A-Za-z0-9][-_A-Za-z0-9 ]{1,126}[-_A-Za-z0-9]")
"""Of everything that Image Builder makes (API reference, ResourceName)."""


class BuilderBase(RegionalService[BuilderRegion]):
    """Everything of every region."""

    service_name = "imagebuilder"

    def __init__(self, aws: LocalAws) -> None:
        super().__init__(aws, BuilderRegion)

    def _operation_name(self, request: Request) -> str:
        found = rest.routes(self.model()).match(request.method, rest.raw_path(request), request)
        return found.operation if found is not None else ""

    def _path_parameters(self, request: Request) -> Mapping[str, str]:
        found = rest.routes(self.model()).match(request.method, rest.raw_path(request), request)
        return found.parameters if found is not None else {}

    def _create(self, context: RequestContext, store: str, kind: str, member: str, request: dict[str, Any]) -> Body:
        held = getattr(self.held(context), store)
        made_arn = arn(context, kind, request["name"])
        if made_arn in held:
            raise exists(made_arn)
        held[made_arn] = {**_without_token(request), "arn": made_arn, "dateCreated": moment(self.aws.clock)}
        return made(context, request, member, made_arn)

    def _update(self, context: RequestContext, store: str, member: str, request: dict[str, Any]) -> Body:
        """Everything but name, ARN and tags is replaced: an update that leaves a member out takes it away."""
        held = getattr(self.held(context), store)
        before = find(held, request[member])
        changed = {name: value for name, value in _without_token(request).items() if name != member}
        held[before["arn"]] = {
            **{name: before[name] for name in ("arn", "name", "dateCreated", "tags") if name in before},
            **changed,
            "dateUpdated": moment(self.aws.clock),
        }
        return made(context, request, member, before["arn"])

    def _delete(self, context: RequestContext, store: str, member: str, request: dict[str, Any]) -> Body:
        held, wanted = self.held(context), request[member]
        find(getattr(held, store), wanted)
        for pipeline in held.pipelines.values():
            if pipeline.get(member) == wanted and store != "pipelines":
                raise needed(wanted, pipeline["arn"])
        del getattr(held, store)[wanted]
        return {"requestId": context.request_id, member: wanted}


def arn(context: RequestContext, kind: str, name: str, *more: str) -> str:
    """The ARN of something; names that differ only in case, spaces or underscores are the same (CreateComponent)."""
    if not NAME.fullmatch(name):
        raise invalid(f"Value '{name}' at 'name' failed to satisfy constraint: {NAME.pattern}")
    normal = name.lower().replace(" ", "-").replace("_", "-")
    place = f"arn:{context.partition}:imagebuilder:{context.region}:{context.account_id}"
    return "/".join([f"{place}:{kind}", normal, *more])


def made(context: RequestContext, request: Mapping[str, Any], member: str, made_arn: str) -> Body:
    """The answer of an operation that has made or changed something."""
    return {"requestId": context.request_id, "clientToken": request.get("clientToken", ""), member: made_arn}


def moment(clock: Clock) -> str:
    """Now, in RFC 3339."""
    return text_of(clock.now())


def text_of(time: datetime) -> str:
    """A time in RFC 3339, in UTC."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def invalid(text: str) -> ServiceError:
    """A request that cannot be carried out."""
    return ServiceError("InvalidRequestException", text)


def missing(identity: str) -> ServiceError:
    """What is not there."""
    return ServiceError("ResourceNotFoundException", f"The resource with ARN '{identity}' does not exist.", 404)


def exists(identity: str) -> ServiceError:
    """What is there already."""
    return ServiceError("ResourceAlreadyExistsException", f"The resource '{identity}' already exists.")


def needed(identity: str, by: str) -> ServiceError:
    """What cannot go, for something else needs it."""
    return ServiceError("ResourceDependencyException", f"Resource '{identity}' is used by '{by}'.")


def find(held: Mapping[str, Any], identity: str) -> Any:
    """A thing by its ARN."""
    if identity not in held:
        raise missing(identity)
    return held[identity]


_PAGES = Pages(
    token="nextToken",
    size="maxResults",
    # API reference, ListWorkflowExecutions.
    entries=25,
    wrong=lambda token: ServiceError("InvalidPaginationTokenException", f"The token '{token}' is invalid."),
)
page = _PAGES.page


def _without_token(request: Mapping[str, Any]) -> Body:
    return {name: value for name, value in request.items() if name not in ("clientToken", "dryRun")}
