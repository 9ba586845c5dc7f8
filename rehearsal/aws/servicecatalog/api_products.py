"""Operations of whoever administers: products and their versions."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.account import Account
from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.protocol import RequestContext
from rehearsal.aws.regional import not_played
from rehearsal.aws.servicecatalog.api_base import CatalogBase, arn, find, in_use, invalid, missing
from rehearsal.aws.servicecatalog.model import DEFAULT, DEPRECATED, Body, Product, Version

_URL = "LoadTemplateFromURL"
_CHANGED = ("Name", "Owner", "Description", "Distributor", "SupportDescription", "SupportEmail", "SupportUrl")


class ProductOperations(CatalogBase):
    """Products are made with a version; others are added, and never change but for name, description and guidance."""

    def create_product(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Make a product with its first version."""
        if request["ProductType"] != "CLOUD_FORMATION_TEMPLATE" or request.get("SourceConnection"):
            raise not_played("a product of another type than a template of CloudFormation")
        if not request.get("ProvisioningArtifactParameters"):
            raise invalid("A product of a template needs ProvisioningArtifactParameters.")

        def make() -> Product:
            first = self._version(context, request["ProvisioningArtifactParameters"])
            product = Product("", dict(request), self.aws.clock.now(), {first.identity: first})
            product.arn = arn(context, "product", product.identity)
            self.held(context).products[product.identity] = product
            return product

        made = self.once(context, request["IdempotencyToken"], make)
        first = next(iter(made.versions.values()))
        return {"ProductViewDetail": made.view(), "ProvisioningArtifactDetail": first.described(), "Tags": []}

    def update_product(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Change what a product says of itself."""
        with self.lock:
            product = self._product(context, request["Id"])
            product.fields |= {name: request[name] for name in _CHANGED if name in request}
            return {"ProductViewDetail": product.view(), "Tags": []}

    def delete_product(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Delete a product that no portfolio offers (API reference, DeleteProduct)."""
        with self.lock:
            region = self.held(context)
            product = self._product(context, request["Id"])
            if any(product.identity in each.products for each in region.portfolios.values()) or product.tag_options:
                raise in_use(f"The product {product.identity} is in a portfolio, or has TagOptions.")
            del region.products[product.identity]
        return {}

    def describe_product_as_admin(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """A product with all of its versions and TagOptions."""
        with self.lock:
            region = self.held(context)
            product = self._product(context, request.get("Id") or "", request.get("Name"))
            return {
                "ProductViewDetail": product.view(),
                "ProvisioningArtifactSummaries": [
                    {name: value for name, value in each.summary().items() if name != "Guidance"}
                    for each in product.versions.values()
                ],
                "Tags": [],
                "TagOptions": [region.tag_options[each].described() for each in product.tag_options],
            }

    def create_provisioning_artifact(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Add a version."""
        product = self._product(context, request["ProductId"])

        def make() -> Version:
            version = self._version(context, request["Parameters"])
            product.versions[version.identity] = version
            return version

        return _detail(self.once(context, request["IdempotencyToken"], make))

    def update_provisioning_artifact(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Deprecate a version, hide it, or name it otherwise."""
        with self.lock:
            version = self._artifact(context, request)
            if request.get("Guidance") not in (None, DEFAULT, DEPRECATED):
                raise invalid(f"Guidance {request['Guidance']} is neither {DEFAULT} nor {DEPRECATED}.")
            version.name = request.get("Name", version.name)
            version.description = request.get("Description", version.description)
            version.active = request.get("Active", version.active)
            version.guidance = request.get("Guidance", version.guidance)
            return _detail(version)

    def delete_provisioning_artifact(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Remove a version; the last one stays (API reference, DeleteProvisioningArtifact)."""
        with self.lock:
            product, version = self._product(context, request["ProductId"]), self._artifact(context, request)
            if len(product.versions) == 1:
                raise in_use(f"{version.identity} is the only version of the product.")
            del product.versions[version.identity]
        return {}

    def describe_provisioning_artifact(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """A version, with where its template was loaded from."""
        with self.lock:
            return _detail(self._artifact(context, request))

    def list_provisioning_artifacts(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """All versions; the operation has no pages."""
        with self.lock:
            product = self._product(context, request["ProductId"])
            return {"ProvisioningArtifactDetails": [each.described() for each in product.versions.values()]}

    def _product(self, context: RequestContext, identity: str, name: str | None = None) -> Product:
        products = self.held(context).products
        if name is not None:
            named = [each for each in products.values() if each.fields["Name"] == name]
            if len(named) != 1:
                raise missing("Product", name)
            return named[0]
        return find(products, "Product", identity)

    def _artifact(self, context: RequestContext, request: dict[str, Any]) -> Version:
        product = self._product(context, request["ProductId"])
        return find(product.versions, "ProvisioningArtifact", request["ProvisioningArtifactId"])

    def _version(self, context: RequestContext, given: dict[str, Any]) -> Version:
        """A new version. Its template is read and validated; the caller's right to read it was asked for before."""
        if set(given["Info"]) != {_URL}:
            raise not_played(f"a version from anything but {_URL}")
        url = given["Info"][_URL]
        try:
            text = Account(self.aws.client, context.region).template(url)
            if not given.get("DisableTemplateValidation"):
                self.aws.client("cloudformation", context.region).validate_template(TemplateURL=url)
        except (ValidationError, ClientError) as error:
            raise invalid(f"Invalid templateUrl, or the template is not valid: {error}") from None
        return Version(given.get("Name", ""), url, text, self.aws.clock.now(), given.get("Description", ""))


def _detail(version: Version) -> Body:
    return {
        "ProvisioningArtifactDetail": version.described(),
        "Info": {"TemplateUrl": version.url},
        "Status": "AVAILABLE",
    }
