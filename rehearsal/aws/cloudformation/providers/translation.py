"""What providers share: template values in an API's types, tags as CloudFormation puts them, errors for "gone"."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from rehearsal.aws.cloudformation.provider import Context, ProviderError

SYSTEM_PREFIX = "aws:"


def refuse_others(values: Mapping[str, Any], allowed: Iterable[str], path: str) -> None:
    """Raise ProviderError naming the first key of `values` that is not allowed below the property `path`."""
    for key in values:
        if key not in allowed:
            raise ProviderError(f"property {path}.{key} is not supported by the local AWS")


def boolean(value: Any, path: str) -> bool:
    """Return a template's boolean, which is often the text "true" because parameters are text."""
    if isinstance(value, bool):
        return value
    if str(value).lower() in {"true", "false"}:
        return str(value).lower() == "true"
    raise ProviderError(f"property {path} must be true or false, not {value!r}")


def integer(value: Any, path: str) -> int:
    """Return a template's whole number, which is often text because parameters are text."""
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ProviderError(f"property {path} must be a whole number, not {value!r}") from None


def document(value: Any) -> str:
    """Return a JSON document as the text the API wants; text is passed as it is."""
    return value if isinstance(value, str) else json.dumps(value)


def api_values(client: Any, operation: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with scalars in the types of `operation`'s input ("6443" becomes 6443, a policy becomes text).

    Absent values (None) are left out. A key that the operation does not take raises ProviderError that names its path,
    so a property is never dropped in silence.
    """
    shape = client.meta.service_model.operation_model(operation).input_shape
    return {
        name: _converted(shape.members[name], value, name) if name in shape.members else _unknown(name)
        for name, value in values.items()
        if value is not None
    }


def _unknown(path: str) -> Any:
    raise ProviderError(f"property {path} is not supported by the local AWS")


def _converted(shape: Shape, value: Any, path: str) -> Any:
    if isinstance(shape, StructureShape):
        if not isinstance(value, Mapping):
            raise ProviderError(f"property {path} must be an object, not {value!r}")
        members = shape.members
        return {
            key: _converted(members[key], item, f"{path}.{key}") if key in members else _unknown(f"{path}.{key}")
            for key, item in value.items()
        }
    if isinstance(shape, ListShape):
        items = value if isinstance(value, list) else [value]
        return [_converted(shape.member, item, f"{path}[{index}]") for index, item in enumerate(items)]
    if isinstance(shape, MapShape):
        return {str(key): _converted(shape.value, item, f"{path}.{key}") for key, item in value.items()}
    return _scalar(shape.type_name, value, path)


def _scalar(type_name: str, value: Any, path: str) -> Any:
    if type_name == "boolean":
        return boolean(value, path)
    if type_name in {"integer", "long"}:
        return integer(value, path)
    if type_name in {"float", "double"}:
        return float(value)
    if type_name == "string" and isinstance(value, bool):
        return str(value).lower()
    if type_name == "string":
        return document(value) if isinstance(value, (Mapping, list)) else str(value)
    return value


def tags_of(context: Context, own: Any = None, *, system: bool = True) -> dict[str, str]:
    """Return the stack's tags with the resource's own on top.

    `own` is a list of Key and Value, or a mapping (SSM parameters). `system=False` leaves out the `aws:cloudformation:`
    tags, for the types on which CloudFormation does not put them (`cloudFormationSystemTags` in the type's schema).
    """
    stack = {key: value for key, value in context.tags.items() if system or not key.startswith(SYSTEM_PREFIX)}
    if isinstance(own, Mapping):
        return stack | {str(key): str(value) for key, value in own.items()}
    for tag in own or []:
        refuse_others(tag, ("Key", "Value"), "Tags")
    return stack | {str(tag["Key"]): str(tag["Value"]) for tag in own or []}


def tag_list(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return tags as the list of pairs most APIs take."""
    return [{key: name, value: text} for name, text in tags.items()]


def tag_changes(present: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the keys to take away and the tags to put; AWS's own tags are never taken away nor written anew."""
    gone = [key for key in present if key not in wanted and not key.startswith(SYSTEM_PREFIX)]
    changed = {
        key: value
        for key, value in wanted.items()
        if present.get(key) != value and not (key.startswith(SYSTEM_PREFIX) and key in present)
    }
    return gone, changed


def list_changes(old: Iterable[str] | None, new: Iterable[str] | None) -> tuple[list[str], list[str]]:
    """Return what `new` adds to `old` and what it lacks, each in order."""
    before, after = list(old or []), list(new or [])
    return [item for item in after if item not in before], [item for item in before if item not in after]


@contextmanager
def already_gone(*codes: str) -> Iterator[None]:
    """Take the error codes that say a thing no longer exists for success, as CloudFormation does when it deletes."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise
