"""Operations of whoever launches: what is offered to him, by which portfolio, and what a version asks for.

Only products of portfolios that let him in are there for him, and only versions that are active (API reference,
UpdateProvisioningArtifact: "Inactive provisioning artifacts are invisible to end users").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rehearsal.aws.cloudformation.intrinsics import text_of
from rehearsal.aws.cloudformation.template import parse
from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.protocol import RequestContext
from rehearsal.aws.servicecatalog.api_base import invalid, missing, paged
from rehearsal.aws.servicecatalog.api_portfolios import PortfolioOperations
from rehearsal.aws.servicecatalog.model import Body, Portfolio, Product, Version

if TYPE_CHECKING:
    from rehearsal.aws.sessions import Session

_CONSTRAINTS = "AllowedPattern ConstraintDescription MaxLength MinLength MaxValue MinValue".split()


class Offer(NamedTuple):
    """A product in a portfolio that lets the caller in: a launch path."""

    portfolio: Portfolio
    product: Product

    @property
    def path(self) -> str:
        """The ID of the path."""
        return self.portfolio.identity.replace("port-", "lpv3-")


class SeenOperations(PortfolioOperations):
    """Products as those see them who launch them."""

    def search_products(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """All that is offered to the caller; a filter by full text looks at the names."""
        texts = (request.get("Filters") or {}).get("FullTextSearch") or []
        with self.lock:
            found = {each.product.identity: each.product.summary() for each in self.offers(context)}
        shown = [each for each in found.values() if all(text in each["Name"] for text in texts)]
        return paged("ProductViewSummaries", shown, request)

    def describe_product(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """A product with its active versions."""
        with self.lock:
            offers = self.of_product(context, request.get("Id"), request.get("Name"))
            product = offers[0].product
            return {
                "ProductViewSummary": product.summary(),
                "ProvisioningArtifacts": [each.summary() for each in product.versions.values() if each.active],
                "Budgets": [],
                "LaunchPaths": [{"Id": each.path, "Name": _name(each.portfolio)} for each in offers],
            }

    def list_launch_paths(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """By which portfolios the caller may launch a product."""
        with self.lock:
            paths = [
                {
                    "Id": each.path,
                    "ConstraintSummaries": self._constraints(context, each),
                    "Tags": [],
                    "Name": _name(each.portfolio),
                }
                for each in self.of_product(context, request["ProductId"])
            ]
        return paged("LaunchPathSummaries", paths, request)

    def describe_provisioning_parameters(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """What a version's template asks for."""
        with self.lock:
            offer, version = self.chosen(context, request)
            declared = parse(version.template).parameters
            return {
                "ProvisioningArtifactParameters": [_parameter(name, each) for name, each in declared.items()],
                "ConstraintSummaries": self._constraints(context, offer),
                "UsageInstructions": [],
                "TagOptions": [{"Key": key, "Values": values} for key, values in self.tag_values(context, offer)],
            }

    def offers(self, context: RequestContext) -> list[Offer]:
        """All launch paths of the caller."""
        region, own = self.held(context), self.caller_arns(context)
        return [
            Offer(portfolio, region.products[product])
            for portfolio in region.portfolios.values()
            if own & set(portfolio.principals)
            for product in portfolio.products
        ]

    def of_product(self, context: RequestContext, identity: str | None, name: str | None = None) -> list[Offer]:
        """The caller's launch paths of one product. Raises ServiceError where there is none."""
        if (identity is None) == (name is None):
            raise invalid("You must provide the product's name or ID, but not both.")
        found = [
            each
            for each in self.offers(context)
            if each.product.identity == identity or each.product.fields["Name"] == name
        ]
        if not found:
            raise missing("Product", identity or name or "")
        return found

    def chosen(self, context: RequestContext, request: dict[str, Any]) -> tuple[Offer, Version]:
        """The launch path and the active version that a request names. Raises ServiceError."""
        offers = self.of_product(context, request.get("ProductId"), request.get("ProductName"))
        path, path_name = request.get("PathId"), request.get("PathName")
        if path or path_name:
            offers = [each for each in offers if each.path == path or _name(each.portfolio) == path_name]
        if len(offers) != 1:
            raise invalid("The product has not exactly one launch path; PathId or PathName has to name one.")
        identity, name = request.get("ProvisioningArtifactId"), request.get("ProvisioningArtifactName")
        for version in offers[0].product.versions.values():
            if version.active and (version.identity == identity or version.name == name):
                return offers[0], version
        raise missing("ProvisioningArtifact", identity or name or "")

    def tag_values(self, context: RequestContext, offer: Offer) -> list[tuple[str, list[str]]]:
        """The values of each key of the product's active TagOptions."""
        found: dict[str, list[str]] = {}
        for identity in offer.product.tag_options:
            option = self.held(context).tag_options[identity]
            if option.active:
                found.setdefault(option.key, []).append(option.value)
        return list(found.items())

    def holder(self, context: RequestContext) -> Session | None:
        """Whose credentials signed the request; None for the operator of the local AWS."""
        return enforcement_of(self.aws).holder(context.access_key_id)

    def caller_arns(self, context: RequestContext) -> set[str]:
        """The caller and, of a user, his groups."""
        holder = self.holder(context)
        if holder is None:
            return set()
        groups: list[Body] = []
        if ":user/" in holder.identity_arn:
            named = holder.identity_arn.rpartition("/")[2]
            groups = self.aws.client("iam").list_groups_for_user(UserName=named)["Groups"]
        return {holder.identity_arn, *(each["Arn"] for each in groups)}

    def _constraints(self, context: RequestContext, offer: Offer) -> list[Body]:
        held = self.constraints_of(context, offer.portfolio.identity, offer.product.identity)
        return [{"Type": each.kind, "Description": each.description} for each in held]


def _name(portfolio: Portfolio) -> str:
    return str(portfolio.fields["DisplayName"])


def _parameter(name: str, declared: Body) -> Body:
    constraints = {each: text_of(declared[each]) for each in _CONSTRAINTS if each in declared}
    allowed = [text_of(each) for each in declared.get("AllowedValues") or ()]
    return {
        "ParameterKey": name,
        "ParameterType": declared["Type"],
        "IsNoEcho": str(declared.get("NoEcho", False)).lower() == "true",
        "Description": declared.get("Description", ""),
        "ParameterConstraints": {**constraints, **({"AllowedValues": allowed} if allowed else {})},
        **({"DefaultValue": text_of(declared["Default"])} if "Default" in declared else {}),
    }
