"""Service Catalog. What is replaced says the types' public schema; each calls what the handlers there name.

Ref is the ID, of an association the two that it joins.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.translation import already_gone, api_values, tag_list, tags_of

GONE = "ResourceNotFoundException"
Values = dict[str, Any]
_PREFIX = "AWS::ServiceCatalog::"


class CatalogThing:
    """A type that has an ID of its own: made, changed and deleted by operations with its name."""

    def __init__(
        self,
        type_name: str,
        noun: str,
        properties: str,
        identity: Callable[[Mapping[str, Any]], str],
        translated: Callable[[Values], Values],
        attributes: Mapping[str, str],
    ) -> None:
        self.type_name = _PREFIX + type_name
        self.properties = frozenset(properties.split())
        self._noun = noun
        self._identity = identity
        self._translated = translated
        self._attributes = attributes

    def create(self, context: Context, properties: Values) -> Made:
        """Make it, with the stack's tags where the API takes any."""
        client = context.client("servicecatalog")
        values = self._translated(properties) | {"IdempotencyToken": uuid.uuid4().hex}
        tags = tags_of(context, properties.get("Tags"), system=False)
        values |= {"Tags": tag_list(tags)} if tags else {}
        return self._made(self._identity(_call(client, f"Create{self._noun}", values)), properties)

    def update(self, context: Context, physical_id: str, old: Values, new: Values) -> Made:
        """Change it. Raises ProviderError for other versions of a product, which is not played."""
        if old.get("ProvisioningArtifactParameters") != new.get("ProvisioningArtifactParameters"):
            raise ProviderError("changed versions of a product are not supported by the local AWS")
        values = self._translated(new) | {"Id": physical_id}
        _call(context.client("servicecatalog"), f"Update{self._noun}", values)
        return self._made(physical_id, new)

    def delete(self, context: Context, physical_id: str, properties: Values) -> None:
        """Delete it; Service Catalog refuses while something needs it."""
        with already_gone(GONE):
            _call(context.client("servicecatalog"), f"Delete{self._noun}", {"Id": physical_id})

    def _made(self, identity: str, properties: Values) -> Made:
        return Made(identity, {name: str(properties.get(of, "")) for name, of in self._attributes.items()})


class CatalogAssociation:
    """A type that joins two things, and never changes."""

    def __init__(self, kind: str, made_by: str, ended_by: str, properties: str) -> None:
        self.type_name = _PREFIX + kind
        self.properties = frozenset(properties.split())
        self._made_by = made_by
        self._ended_by = ended_by

    def create(self, context: Context, properties: Values) -> Made:
        """Join them."""
        _call(context.client("servicecatalog"), self._made_by, properties)
        return Made("|".join(str(properties[name]) for name in sorted(properties) if name != "PrincipalType"), {})

    def update(self, context: Context, physical_id: str, old: Values, new: Values) -> Made:
        """Every property is one by which it is replaced."""
        raise ProviderError(f"{self.type_name} never changes")

    def delete(self, context: Context, physical_id: str, properties: Values) -> None:
        """Part them."""
        with already_gone(GONE):
            _call(context.client("servicecatalog"), self._ended_by, properties)


def _call(client: Any, operation: str, values: Mapping[str, Any]) -> Values:
    shape = client.meta.service_model.operation_model(operation).input_shape
    method = next(method for method, name in client.meta.method_to_api_mapping.items() if name == operation)
    known = {name: value for name, value in values.items() if name in shape.members}
    answer: Values = getattr(client, method)(**api_values(client, operation, known))
    return answer


def _as_it_is(properties: Values) -> Values:
    return properties


def _product(properties: Values) -> Values:
    """The first version is a part of the request, the others are requests of their own."""
    versions = properties.get("ProvisioningArtifactParameters") or []
    if len(versions) != 1:
        raise ProviderError("a product of another number of versions than one is not supported by the local AWS")
    first = {**versions[0], "Type": versions[0].get("Type", "CLOUD_FORMATION_TEMPLATE")}
    given = {**properties, "ProductType": properties.get("ProductType", "CLOUD_FORMATION_TEMPLATE")}
    return {**given, "ProvisioningArtifactParameters": first}


def _action(properties: Values) -> Values:
    """CloudFormation has the definition as a list of pairs, the API as a mapping."""
    return {**properties, "Definition": {each["Key"]: each["Value"] for each in properties["Definition"]}}


def _constraint(kind: str, name: str) -> Callable[[Values], Values]:
    """A constraint: CloudFormation's own property in the API's JSON."""

    def translated(properties: Values) -> Values:
        value = properties[name]
        parameters = json.dumps({name: json.loads(value) if name == "Rules" else value})
        given = {each: properties[each] for each in properties if each != name}
        return {**given, "Type": kind, "Parameters": parameters}

    return translated


def _of_constraint(answer: Mapping[str, Any]) -> str:
    return str(answer["ConstraintDetail"]["ConstraintId"])


for each in (
    CatalogThing(
        "Portfolio",
        "Portfolio",
        "Description DisplayName ProviderName Tags",
        lambda answer: str(answer["PortfolioDetail"]["Id"]),
        _as_it_is,
        {"PortfolioName": "DisplayName"},
    ),
    CatalogThing(
        "CloudFormationProduct",
        "Product",
        "Description Distributor Name Owner ProductType ProvisioningArtifactParameters SupportDescription SupportEmail "
        "SupportUrl Tags",
        lambda answer: str(answer["ProductViewDetail"]["ProductViewSummary"]["ProductId"]),
        _product,
        {"ProductName": "Name"},
    ),
    CatalogThing(
        "LaunchRoleConstraint",
        "Constraint",
        "Description PortfolioId ProductId RoleArn",
        _of_constraint,
        _constraint("LAUNCH", "RoleArn"),
        {},
    ),
    CatalogThing(
        "LaunchTemplateConstraint",
        "Constraint",
        "Description PortfolioId ProductId Rules",
        _of_constraint,
        _constraint("TEMPLATE", "Rules"),
        {},
    ),
    CatalogThing(
        "TagOption",
        "TagOption",
        "Active Key Value",
        lambda answer: str(answer["TagOptionDetail"]["Id"]),
        _as_it_is,
        {},
    ),
    CatalogThing(
        "ServiceAction",
        "ServiceAction",
        "AcceptLanguage Definition DefinitionType Description Name",
        lambda answer: str(answer["ServiceActionDetail"]["ServiceActionSummary"]["Id"]),
        _action,
        {},
    ),
    CatalogAssociation(
        "ServiceActionAssociation",
        "AssociateServiceActionWithProvisioningArtifact",
        "DisassociateServiceActionFromProvisioningArtifact",
        "ProductId ProvisioningArtifactId ServiceActionId",
    ),
    CatalogAssociation(
        "PortfolioProductAssociation",
        "AssociateProductWithPortfolio",
        "DisassociateProductFromPortfolio",
        "PortfolioId ProductId",
    ),
    CatalogAssociation(
        "PortfolioPrincipalAssociation",
        "AssociatePrincipalWithPortfolio",
        "DisassociatePrincipalFromPortfolio",
        "PortfolioId PrincipalARN PrincipalType",
    ),
    CatalogAssociation(
        "TagOptionAssociation",
        "AssociateTagOptionWithResource",
        "DisassociateTagOptionFromResource",
        "ResourceId TagOptionId",
    ),
):
    register(each)
