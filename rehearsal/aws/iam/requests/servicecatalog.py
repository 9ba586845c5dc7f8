"""The permissions of requests to Service Catalog.

An action is on the product or the portfolio that the request names, where the Service Authorization Reference knows a
resource for it; of what is made the ID is not known before. A template is read, and checked, with the caller's rights
(schema of AWS::ServiceCatalog::CloudFormationProduct, handlers), and a launch role has to be one that he may pass.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from rehearsal.aws.iam import catalog
from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled, State, pass_role

SERVICE = "servicecatalog.amazonaws.com"
_FORMS = {"Product": "product", "Portfolio": "portfolio"}


def needs(asked: Asked, state: State) -> list[Need]:
    """Raises NotModelled."""
    name = f"servicecatalog:{asked.operation}"
    action = catalog.action(name)
    if action is None:
        raise NotModelled(name)
    return [*_own(asked, action), *_beside(asked)]


def _own(asked: Asked, action: catalog.Action) -> list[Need]:
    tags = generic.tag_values(asked)
    for kind, word in _FORMS.items():
        if kind in action.types:
            # `Id` is that of a product or of a portfolio, by the operation.
            identity = asked.parameters.get(f"{kind}Id") or asked.parameters.get("Id") or "*"
            return [Need(action.name, asked.arn("catalog", f"{word}/{identity}"), tags)]
    return [Need(action.name, "*", tags)]


def _beside(asked: Asked) -> list[Need]:
    given = asked.parameters
    if asked.operation in ("CreateConstraint", "UpdateConstraint"):
        role = json.loads(given.get("Parameters") or "{}").get("RoleArn")
        return [pass_role(role, SERVICE)] if role else []
    info = _info(asked)
    if "LoadTemplateFromURL" not in info:
        return []
    where = urlsplit(info["LoadTemplateFromURL"])
    in_path = where.netloc.startswith("s3") or where.netloc.startswith("localhost")
    place = where.path.lstrip("/") if in_path else f"{where.netloc.partition('.s3')[0]}{where.path}"
    return [Need("s3:GetObject", f"arn:{asked.partition}:s3:::{place}"), Need("cloudformation:ValidateTemplate")]


def _info(asked: Asked) -> dict[str, Any]:
    """Of the version that a request makes."""
    name = {"CreateProduct": "ProvisioningArtifactParameters", "CreateProvisioningArtifact": "Parameters"}
    given = asked.parameters.get(name.get(asked.operation, ""))
    found: dict[str, Any] = (given or {}).get("Info") or {}
    return found
