"""What most requests need: the action of the operation's name, on the resources that its parameters name.

Which types of resource an action is on, and how their ARNs look, is in AWS's own list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rehearsal.aws.iam import catalog
from rehearsal.aws.iam.context import Values
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled

PREFIXES = {
    "dynamodbstreams": "dynamodb",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "resourcegroupstaggingapi": "tag",
    "service-quotas": "servicequotas",
}
"""Actions' prefixes where they differ from botocore's name of the service."""


def prefix(asked: Asked) -> str:
    """What the service's actions begin with."""
    return PREFIXES.get(asked.service, asked.service)


def needs(asked: Asked, name: str | None = None, aliases: Mapping[str, str] | None = None) -> list[Need]:
    """The permission of the action `name` (the operation's, where it is not given).

    `aliases` are parameters by the placeholder that they stand for. Raises NotModelled when the action is always on
    some resource and no parameter names it.
    """
    full_name = f"{prefix(asked)}:{name or asked.operation}"
    action = catalog.action(full_name)
    if action is None:
        raise NotModelled(full_name)
    found = list(_resources(asked, action, aliases or {}))
    if not found and any(action.types.values()):
        raise NotModelled(action.name)
    return [Need(action.name, resource, tag_values(asked)) for resource in found or ["*"]]


def tag_values(asked: Asked) -> dict[str, Values]:
    """The condition keys of the tags that a request gives."""
    return request_tags(asked.parameters.get("Tags") or asked.parameters.get("tags") or {})


def request_tags(given: Any) -> dict[str, Values]:
    """The condition keys of tags, given as a mapping or as a list."""
    tags = dict(_tags(given))
    values: dict[str, Values] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return values | ({"aws:TagKeys": tuple(tags)} if tags else {})


def tagging(asked: Asked, action: str, resource: str) -> list[Need]:
    """What tags in a request that creates something need beside it; nothing where it has none."""
    values = tag_values(asked)
    return [Need(action, resource, values)] if values else []


def texts(value: Any) -> list[str]:
    """A parameter that is a text or a list of texts, as a list."""
    listed = value if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, str)]


def _tags(given: Any) -> Iterable[tuple[str, str]]:
    if isinstance(given, Mapping):
        yield from given.items()
    else:
        for tag in given:
            for key, value in (("Key", "Value"), ("TagKey", "TagValue")):
                if isinstance(tag, Mapping) and {key, value} <= set(tag):
                    yield tag[key], tag[value]


def _resources(asked: Asked, action: catalog.Action, aliases: Mapping[str, str]) -> Iterable[str]:
    service = catalog.service(prefix(asked))
    assert service is not None
    known = {"partition": asked.partition, "region": asked.region, "account": asked.account_id}
    given = {name.lower(): value for name, value in asked.parameters.items()}
    given |= {name.lower(): asked.parameters[alias] for name, alias in aliases.items() if alias in asked.parameters}
    for kind in action.types:
        form = service.formats.get(kind)
        if form is None:
            continue
        named = [arn for value in given.values() for arn in texts(value) if catalog.shape(form).fullmatch(arn)]
        if named:
            yield from named
            continue
        single = {name: value for name, value in given.items() if isinstance(value, str) and value}
        filled = catalog.fill(form, single | known)
        if filled is not None:
            yield filled
