"""S3: a bucket's lifecycle rules, whose names differ between CloudFormation and the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehearsal.aws.cloudformation.providers.translation import refuse_others

PATH = "LifecycleConfiguration.Rules"
NESTED = {
    "AbortIncompleteMultipartUpload": ("DaysAfterInitiation",),
    "NoncurrentVersionExpiration": ("NoncurrentDays",),
}
SIZES = ("ObjectSizeGreaterThan", "ObjectSizeLessThan")
FIELDS = frozenset(
    "AbortIncompleteMultipartUpload ExpirationDate ExpirationInDays ExpiredObjectDeleteMarker Id "
    "NoncurrentVersionExpiration NoncurrentVersionTransitions ObjectSizeGreaterThan ObjectSizeLessThan Prefix Status "
    "TagFilters Transitions".split()
)


def lifecycle(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return LifecycleConfiguration as PutBucketLifecycleConfiguration's."""
    refuse_others(given, ("Rules",), "LifecycleConfiguration")
    return {"Rules": [rule(item) for item in given["Rules"]]}


def rule(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return one rule in the API's shape."""
    refuse_others(given, FIELDS, PATH)
    made: dict[str, Any] = {"Status": given["Status"], "Filter": _filter(given)}
    if given.get("Id"):
        made["ID"] = given["Id"]
    expiration = {
        name: given[key]
        for key, name in (
            ("ExpirationInDays", "Days"),
            ("ExpirationDate", "Date"),
            ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
        )
        if given.get(key) is not None
    }
    if expiration:
        made["Expiration"] = expiration
    if given.get("Transitions"):
        made["Transitions"] = [_transition(item) for item in given["Transitions"]]
    if given.get("NoncurrentVersionTransitions"):
        made["NoncurrentVersionTransitions"] = [
            _renamed(item, {"TransitionInDays": "NoncurrentDays"}) for item in given["NoncurrentVersionTransitions"]
        ]
    for name, fields in NESTED.items():
        if given.get(name):
            refuse_others(given[name], fields, f"{PATH}.{name}")
            made[name] = given[name]
    return made


def _filter(given: Mapping[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {name: given[name] for name in ("Prefix", *SIZES) if given.get(name) is not None}
    tags = given.get("TagFilters") or []
    if tags and len(parts) + len(tags) == 1:
        return {"Tag": tags[0]}
    if len(parts) + len(tags) > 1:
        return {"And": parts | ({"Tags": tags} if tags else {})}
    return parts or {"Prefix": ""}


def _transition(given: Mapping[str, Any]) -> dict[str, Any]:
    return _renamed(given, {"TransitionInDays": "Days", "TransitionDate": "Date"})


def _renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in given.items()}
