"""What Service Catalog holds in one region."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Body = dict[str, Any]

DEFAULT = "DEFAULT"
DEPRECATED = "DEPRECATED"
LAUNCH = "LAUNCH"
TEMPLATE = "TEMPLATE"


def new_id(kind: str) -> str:
    """An ID such as `prod-tsjbmal34qvek`: thirteen small letters and digits."""
    return f"{kind}-{''.join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(13))}"


@dataclass
class Version:
    """A provisioning artifact."""

    name: str
    url: str
    template: str
    """The text, as it was when the version was made: Service Catalog keeps a copy."""
    created: datetime
    description: str = ""
    active: bool = True
    guidance: str = DEFAULT
    actions: list[str] = field(default_factory=list)
    """The IDs of its service actions."""
    identity: str = field(default_factory=lambda: new_id("pa"))

    def summary(self) -> Body:
        """As whoever launches sees it."""
        shown = {"Id": self.identity, "Name": self.name, "Description": self.description, "Guidance": self.guidance}
        return shown | {"CreatedTime": self.created}

    def described(self) -> Body:
        """As an administrator sees it."""
        return self.summary() | {"Type": "CLOUD_FORMATION_TEMPLATE", "Active": self.active}


@dataclass
class Product:
    """A product and its versions, by ID, the oldest first."""

    arn: str
    fields: Body
    """Name, Owner, Description, SupportEmail and the like, as a request gives them."""
    created: datetime
    versions: dict[str, Version] = field(default_factory=dict)
    identity: str = field(default_factory=lambda: new_id("prod"))
    tag_options: list[str] = field(default_factory=list)

    def summary(self) -> Body:
        """A ProductViewSummary."""
        names = ("Name", "Owner", "Distributor", "SupportDescription", "SupportEmail", "SupportUrl")
        shown = {name: self.fields[name] for name in names if self.fields.get(name)}
        return shown | {
            "Id": self.identity.replace("prod-", "prodview-"),
            "ProductId": self.identity,
            "ShortDescription": self.fields.get("Description", ""),
            "Type": "CLOUD_FORMATION_TEMPLATE",
            "HasDefaultPath": False,
        }

    def view(self) -> Body:
        """A ProductViewDetail."""
        return {
            "ProductViewSummary": self.summary(),
            "Status": "AVAILABLE",
            "ProductARN": self.arn,
            "CreatedTime": self.created,
        }


@dataclass
class Portfolio:
    """A portfolio: what it offers, and to whom."""

    arn: str
    fields: Body
    created: datetime
    products: list[str] = field(default_factory=list)
    principals: list[str] = field(default_factory=list)
    identity: str = field(default_factory=lambda: new_id("port"))

    def described(self) -> Body:
        """A PortfolioDetail."""
        names = ("DisplayName", "Description", "ProviderName")
        shown = {name: self.fields[name] for name in names if self.fields.get(name)}
        return shown | {"Id": self.identity, "ARN": self.arn, "CreatedTime": self.created}


@dataclass
class Constraint:
    """What holds for a product in a portfolio."""

    kind: str
    portfolio: str
    product: str
    parameters: str
    """JSON."""
    owner: str
    description: str = ""
    identity: str = field(default_factory=lambda: new_id("cons"))

    def described(self) -> Body:
        """As the operations on constraints answer it."""
        detail = {
            "ConstraintId": self.identity,
            "Type": self.kind,
            "Description": self.description,
            "Owner": self.owner,
            "ProductId": self.product,
            "PortfolioId": self.portfolio,
        }
        return {"ConstraintDetail": detail, "ConstraintParameters": self.parameters, "Status": "AVAILABLE"}


@dataclass
class TagOption:
    """A key and a value that launched products may get, or have to."""

    key: str
    value: str
    owner: str
    active: bool = True
    identity: str = field(default_factory=lambda: new_id("tag"))

    def described(self) -> Body:
        """A TagOptionDetail."""
        return {"Key": self.key, "Value": self.value, "Active": self.active, "Id": self.identity, "Owner": self.owner}


@dataclass
class ServiceAction:
    """A runbook that whoever launches may have carried out."""

    name: str
    definition: Body
    description: str = ""
    identity: str = field(default_factory=lambda: new_id("act"))

    def summary(self) -> Body:
        """A ServiceActionSummary."""
        shown = {"Id": self.identity, "Name": self.name, "DefinitionType": "SSM_AUTOMATION"}
        return {**shown, **({"Description": self.description} if self.description else {})}

    def described(self) -> Body:
        """A ServiceActionDetail."""
        return {"ServiceActionSummary": self.summary(), "Definition": self.definition}


@dataclass
class LaunchRecord:
    """What was asked of a launched product, and how far it is."""

    kind: str
    """PROVISION_PRODUCT, UPDATE_PROVISIONED_PRODUCT or TERMINATE_PROVISIONED_PRODUCT; empty for a service action's."""
    launched: LaunchedProduct
    version: str
    created: datetime
    updated: datetime
    status: str = "CREATED"
    errors: list[Body] = field(default_factory=list)
    outputs: list[Body] = field(default_factory=list)
    identity: str = field(default_factory=lambda: new_id("rec"))

    def described(self) -> Body:
        """A RecordDetail."""
        launched = self.launched
        return {
            "RecordId": self.identity,
            "ProvisionedProductName": launched.name,
            "Status": self.status,
            "CreatedTime": self.created,
            "UpdatedTime": self.updated,
            "ProvisionedProductType": "CFN_STACK",
            **({"RecordType": self.kind} if self.kind else {}),
            "ProvisionedProductId": launched.identity,
            "ProductId": launched.product,
            "ProvisioningArtifactId": self.version,
            "PathId": launched.path,
            "RecordErrors": self.errors,
            "RecordTags": [],
            **({"LaunchRoleArn": launched.role_arn} if launched.role_arn else {}),
        }


@dataclass
class LaunchedProduct:
    """A provisioned product: a stack, by whose rights it is made, and its records, the newest last."""

    name: str
    product: str
    path: str
    version: str
    role_arn: str | None
    user_arn: str
    created: datetime
    status: str = "UNDER_CHANGE"
    message: str = ""
    stack_id: str = ""
    records: list[LaunchRecord] = field(default_factory=list)
    identity: str = field(default_factory=lambda: new_id("pp"))

    def described(self, arn: str) -> Body:
        """A ProvisionedProductDetail."""
        good = [each.identity for each in self.records if each.status == "SUCCEEDED"]
        shown = {
            "Name": self.name,
            "Arn": arn,
            "Type": "CFN_STACK",
            "Id": self.identity,
            "Status": self.status,
            "StatusMessage": self.message,
            "CreatedTime": self.created,
            "LastRecordId": self.records[-1].identity,
            "LastProvisioningRecordId": self.records[-1].identity,
            "LastSuccessfulProvisioningRecordId": good[-1] if good else "",
            "ProductId": self.product,
            "ProvisioningArtifactId": self.version,
            "LaunchRoleArn": self.role_arn or "",
        }
        return {name: value for name, value in shown.items() if value}


@dataclass
class CatalogRegion:
    """Everything in one region, by ID. Hold the service's lock while you read or change it."""

    portfolios: dict[str, Portfolio] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    constraints: dict[str, Constraint] = field(default_factory=dict)
    tag_options: dict[str, TagOption] = field(default_factory=dict)
    launched: dict[str, LaunchedProduct] = field(default_factory=dict)
    records: dict[str, LaunchRecord] = field(default_factory=dict)
    actions: dict[str, ServiceAction] = field(default_factory=dict)
    answered: dict[str, Any] = field(default_factory=dict)
    """What was made by requests with an idempotency token, by operation and token."""
