"""The operations on groups' tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehearsal.aws.autoscaling import requests, views
from rehearsal.aws.autoscaling.api_base import AutoScalingBase, page
from rehearsal.aws.autoscaling.requests import invalid
from rehearsal.aws.protocol import RequestContext

FILTERS = {
    "auto-scaling-group": "ResourceId",
    "key": "Key",
    "value": "Value",
    "propagate-at-launch": "PropagateAtLaunch",
}
"""The filters of DescribeTags and the field that each looks at."""


class TagOperations(AutoScalingBase):
    """Tags of groups. A tag reaches instances only when they are started."""

    def create_or_update_tags(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        with scaling.lock:
            for item in request["Tags"]:
                self.group(scaling, item.get("ResourceId") or "").tags.update(requests.tags([item]))
        return {}

    def delete_tags(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        with scaling.lock:
            for item in request["Tags"]:
                self.group(scaling, item.get("ResourceId") or "").tags.pop(item["Key"], None)
        return {}

    def describe_tags(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        with scaling.lock:
            all_tags = [views.tag(group.name, tag) for group in scaling.groups.values() for tag in group.tags.values()]
        filters = request.get("Filters") or []
        chosen = [tag for tag in all_tags if all(_matches(tag, item) for item in filters)]
        shown, following = page(chosen, request, 50)
        return {"Tags": shown, **following}


def _matches(tag: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    name, values = item.get("Name") or "", item.get("Values") or []
    if name not in FILTERS:
        raise invalid(f"Filter type {name} is not correct. Allowed Filter types are: {', '.join(FILTERS)}")
    value = tag[FILTERS[name]]
    return (str(value).lower() if isinstance(value, bool) else value) in values
