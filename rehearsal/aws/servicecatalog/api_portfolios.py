"""Operations of whoever administers: portfolios, what they offer and to whom, constraints and TagOptions."""

from __future__ import annotations

import json
from typing import Any

from rehearsal.aws.protocol import RequestContext
from rehearsal.aws.regional import not_played
from rehearsal.aws.servicecatalog.api_base import CatalogBase, arn, duplicate, find, in_use, invalid, missing, paged
from rehearsal.aws.servicecatalog.model import LAUNCH, TEMPLATE, Body, Constraint, Portfolio, TagOption


class PortfolioOperations(CatalogBase):
    """A portfolio offers products to principals; constraints stand between the two."""

    def create_portfolio(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Make an empty portfolio."""

        def make() -> Portfolio:
            portfolio = Portfolio("", dict(request), self.aws.clock.now())
            portfolio.arn = arn(context, "portfolio", portfolio.identity)
            self.held(context).portfolios[portfolio.identity] = portfolio
            return portfolio

        return {"PortfolioDetail": self.once(context, request["IdempotencyToken"], make).described(), "Tags": []}

    def describe_portfolio(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """A portfolio."""
        with self.lock:
            return {"PortfolioDetail": self._portfolio(context, request["Id"]).described(), "Tags": []}

    def update_portfolio(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Change what a portfolio says of itself."""
        with self.lock:
            portfolio = self._portfolio(context, request["Id"])
            names = ("DisplayName", "Description", "ProviderName")
            portfolio.fields |= {name: request[name] for name in names if name in request}
            return {"PortfolioDetail": portfolio.described(), "Tags": []}

    def delete_portfolio(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Delete one that has neither products nor principals (API reference, DeletePortfolio)."""
        with self.lock:
            portfolio = self._portfolio(context, request["Id"])
            if portfolio.products or portfolio.principals:
                raise in_use(f"The portfolio {portfolio.identity} has products or principals.")
            del self.held(context).portfolios[portfolio.identity]
        return {}

    def associate_product_with_portfolio(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Offer a product; once is enough."""
        if request.get("SourcePortfolioId"):
            raise not_played("a product of another account's portfolio")
        with self.lock:
            portfolio = self._portfolio(context, request["PortfolioId"])
            find(self.held(context).products, "Product", request["ProductId"])
            if request["ProductId"] not in portfolio.products:
                portfolio.products.append(request["ProductId"])
        return {}

    def disassociate_product_from_portfolio(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Offer it no more; constraints on it go first."""
        with self.lock:
            portfolio = self._portfolio(context, request["PortfolioId"])
            if request["ProductId"] not in portfolio.products:
                raise missing("Product", request["ProductId"])
            if self.constraints_of(context, portfolio.identity, request["ProductId"]):
                raise in_use(f"The product {request['ProductId']} has constraints in the portfolio.")
            portfolio.products.remove(request["ProductId"])
        return {}

    def associate_principal_with_portfolio(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Let a principal in; once is enough."""
        if request["PrincipalType"] != "IAM":
            raise not_played("a principal by a pattern")
        with self.lock:
            principals = self._portfolio(context, request["PortfolioId"]).principals
            if request["PrincipalARN"] not in principals:
                principals.append(request["PrincipalARN"])
        return {}

    def disassociate_principal_from_portfolio(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Let a principal in no more."""
        with self.lock:
            principals = self._portfolio(context, request["PortfolioId"]).principals
            if request["PrincipalARN"] not in principals:
                raise missing("Principal", request["PrincipalARN"])
            principals.remove(request["PrincipalARN"])
        return {}

    def list_principals_for_portfolio(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Who is let in."""
        with self.lock:
            principals = self._portfolio(context, request["PortfolioId"]).principals
            return paged("Principals", [{"PrincipalARN": each, "PrincipalType": "IAM"} for each in principals], request)

    def create_constraint(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Add a constraint; of the launch of a product in a portfolio there is one (API reference)."""
        kind = request["Type"]
        if kind not in (LAUNCH, TEMPLATE):
            raise not_played(f"a constraint of the type {kind}")
        _parameters(kind, request["Parameters"])

        def make() -> Constraint:
            portfolio = self._portfolio(context, request["PortfolioId"])
            if request["ProductId"] not in portfolio.products:
                raise missing("Product", request["ProductId"])
            there = self.constraints_of(context, portfolio.identity, request["ProductId"])
            if kind == LAUNCH and any(each.kind == LAUNCH for each in there):
                raise duplicate("The product has a launch constraint in this portfolio already.")
            made = Constraint(kind, portfolio.identity, request["ProductId"], request["Parameters"], context.account_id)
            made.description = request.get("Description", "")
            self.held(context).constraints[made.identity] = made
            return made

        return self.once(context, request["IdempotencyToken"], make).described()

    def update_constraint(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Change what a constraint says."""
        with self.lock:
            constraint = self._constraint(context, request["Id"])
            if "Parameters" in request:
                _parameters(constraint.kind, request["Parameters"])
                constraint.parameters = request["Parameters"]
            constraint.description = request.get("Description", constraint.description)
            return constraint.described()

    def delete_constraint(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Remove a constraint."""
        with self.lock:
            del self.held(context).constraints[self._constraint(context, request["Id"]).identity]
        return {}

    def describe_constraint(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """A constraint."""
        with self.lock:
            return self._constraint(context, request["Id"]).described()

    def create_tag_option(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Make a key and value known; there is one of each in an account and region."""
        with self.lock:
            held = self.held(context).tag_options
            if any((each.key, each.value) == (request["Key"], request["Value"]) for each in held.values()):
                raise duplicate(f"The TagOption {request['Key']}={request['Value']} exists already.")
            made = TagOption(request["Key"], request["Value"], context.account_id)
            held[made.identity] = made
            return {"TagOptionDetail": made.described()}

    def update_tag_option(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Switch it on or off, or change its value."""
        with self.lock:
            option = find(self.held(context).tag_options, "TagOption", request["Id"])
            option.active = request.get("Active", option.active)
            option.value = request.get("Value", option.value)
            return {"TagOptionDetail": option.described()}

    def describe_tag_option(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """A TagOption."""
        with self.lock:
            return {"TagOptionDetail": find(self.held(context).tag_options, "TagOption", request["Id"]).described()}

    def delete_tag_option(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Remove one that nothing has (API reference, DeleteTagOption)."""
        with self.lock:
            region = self.held(context)
            option = find(region.tag_options, "TagOption", request["Id"])
            if any(option.identity in each.tag_options for each in region.products.values()):
                raise in_use(f"The TagOption {option.identity} is associated with a product.")
            del region.tag_options[option.identity]
        return {}

    def associate_tag_option_with_resource(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Have a product's launches get it."""
        with self.lock:
            region = self.held(context)
            if request["ResourceId"].startswith("port-"):
                raise not_played("a TagOption of a portfolio")
            product = find(region.products, "Product", request["ResourceId"])
            option = find(region.tag_options, "TagOption", request["TagOptionId"])
            if option.identity in product.tag_options:
                raise duplicate(f"The TagOption {option.identity} is associated already.")
            product.tag_options.append(option.identity)
        return {}

    def disassociate_tag_option_from_resource(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Have them get it no more."""
        with self.lock:
            product = find(self.held(context).products, "Product", request["ResourceId"])
            if request["TagOptionId"] not in product.tag_options:
                raise missing("TagOption", request["TagOptionId"])
            product.tag_options.remove(request["TagOptionId"])
        return {}

    def constraints_of(self, context: RequestContext, portfolio: str, product: str) -> list[Constraint]:
        """Those of a product in a portfolio."""
        held = self.held(context).constraints.values()
        return [each for each in held if (each.portfolio, each.product) == (portfolio, product)]

    def _portfolio(self, context: RequestContext, identity: str) -> Portfolio:
        return find(self.held(context).portfolios, "Portfolio", identity)

    def _constraint(self, context: RequestContext, identity: str) -> Constraint:
        return find(self.held(context).constraints, "Constraint", identity)


def _parameters(kind: str, text: str) -> None:
    """Raises ServiceError for what is no constraint of this kind."""
    try:
        given = json.loads(text)
    except ValueError:
        raise invalid("The constraint's parameters are not JSON.") from None
    wanted = {LAUNCH: "RoleArn", TEMPLATE: "Rules"}[kind]
    if not isinstance(given, dict) or set(given) != {wanted}:
        raise not_played(f"a constraint of the type {kind} with anything but {wanted}")
