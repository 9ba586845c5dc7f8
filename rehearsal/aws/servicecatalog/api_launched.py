"""Operations of whoever launches: provision, update, terminate, and how far each is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.protocol import RequestContext
from rehearsal.aws.regional import not_played
from rehearsal.aws.servicecatalog.api_base import duplicate, find, invalid, missing, paged
from rehearsal.aws.servicecatalog.api_products_seen import Offer, SeenOperations
from rehearsal.aws.servicecatalog.launching import SERVICE, SESSION_SECONDS, Launching, copied
from rehearsal.aws.servicecatalog.model import DEPRECATED, LAUNCH, Body, LaunchedProduct, LaunchRecord, Version

if TYPE_CHECKING:
    from rehearsal.aws.sessions import Session


class LaunchedOperations(SeenOperations):
    """Each request is answered with a record, and carried out after that."""

    def provision_product(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Launch a version; none that is deprecated (API reference, UpdateProvisioningArtifact)."""

        def make() -> LaunchRecord:
            region = self.held(context)
            offer, version = self.chosen(context, request)
            if version.guidance == DEPRECATED:
                raise invalid(f"The version {version.name} is deprecated: no new product can be launched from it.")
            if any(each.name == request["ProvisionedProductName"] for each in region.launched.values()):
                raise duplicate(f"A provisioned product {request['ProvisionedProductName']} exists already.")
            tags = self._tags(context, offer, request)
            holder = self.holder(context)
            launched = LaunchedProduct(
                name=request["ProvisionedProductName"],
                product=offer.product.identity,
                path=offer.path,
                version=version.identity,
                role_arn=self._role(context, offer),
                user_arn=holder.identity_arn if holder else f"arn:{context.partition}:iam::{context.account_id}:root",
                created=self.aws.clock.now(),
            )
            record = self.record(context, "PROVISION_PRODUCT", launched, version.identity)
            launching = self._launching(context, record)
            url = self._template(context, offer, version)
            region.launched[launched.identity] = launched
            launching.create(url, _parameters(request), tags)
            return record

        return {"RecordDetail": self.once(context, request["ProvisionToken"], make).described()}

    def update_provisioned_product(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Update to another version, or with other parameters; to a deprecated version only where it has that already
        (administrator guide, "Managing versions")."""
        if request.get("Tags"):
            raise not_played("other tags of a provisioned product")

        def make() -> LaunchRecord:
            launched = self.launched(context, request)
            _refuse_busy(launched)
            wanted = {"ProductId": launched.product, **request}
            if wanted.get("ProductName"):
                del wanted["ProductId"]
            if not wanted.get("ProvisioningArtifactId") and not wanted.get("ProvisioningArtifactName"):
                wanted["ProvisioningArtifactId"] = launched.version
            offer, version = self.chosen(context, wanted)
            if version.guidance == DEPRECATED and version.identity != launched.version:
                raise invalid(f"The version {version.name} is deprecated: no other product can be updated to it.")
            record = self.record(context, "UPDATE_PROVISIONED_PRODUCT", launched, version.identity)
            url = self._template(context, offer, version)
            self._launching(context, record).update(url, _parameters(request), version.identity)
            return record

        return {"RecordDetail": self.once(context, request["UpdateToken"], make).described()}

    def terminate_provisioned_product(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """Delete the stack and forget the product. Its records stay."""
        if request.get("RetainPhysicalResources"):
            raise not_played("a termination that retains the stack")
        with self.lock:
            launched = self.launched(context, request)
            _refuse_busy(launched)
            record = self.record(context, "TERMINATE_PROVISIONED_PRODUCT", launched, launched.version)

            def forget() -> None:
                with self.lock:
                    self.held(context).launched.pop(launched.identity, None)

            self._launching(context, record).delete(forget, ignore_errors=bool(request.get("IgnoreErrors")))
            return {"RecordDetail": record.described()}

    def describe_record(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """How far something is, and what came of it."""
        with self.lock:
            record = find(self.held(context).records, "Record", request["Id"])
            return {"RecordDetail": record.described(), "RecordOutputs": record.outputs}

    def describe_provisioned_product(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """A launched product."""
        with self.lock:
            named = {"ProvisionedProductId": request.get("Id"), "ProvisionedProductName": request.get("Name")}
            launched = self.launched(context, named)
            return {"ProvisionedProductDetail": launched.described(self._arn(context, launched))}

    def search_provisioned_products(self, context: RequestContext, request: dict[str, Any]) -> Body:
        """All launched products of the account."""
        if request.get("Filters"):
            raise not_played("a search of provisioned products with filters")
        with self.lock:
            region = self.held(context)
            found = [
                {**each.described(self._arn(context, each)), "PhysicalId": each.stack_id, "UserArn": each.user_arn}
                for each in region.launched.values()
            ]
        return paged("ProvisionedProducts", found, request)

    def launched(self, context: RequestContext, request: Body) -> LaunchedProduct:
        """The launched product that a request names by ID or name. Raises ServiceError."""
        identity, name = request.get("ProvisionedProductId"), request.get("ProvisionedProductName")
        for each in self.held(context).launched.values():
            if each.identity == identity or each.name == name:
                return each
        raise missing("ProvisionedProduct", identity or name or "")

    def record(self, context: RequestContext, kind: str, launched: LaunchedProduct, version: str) -> LaunchRecord:
        """A new record of a launched product."""
        now = self.aws.clock.now()
        record = LaunchRecord(kind, launched, version, now, now)
        launched.records.append(record)
        self.held(context).records[record.identity] = record
        return record

    def _launching(self, context: RequestContext, record: LaunchRecord) -> Launching:
        role = record.launched.role_arn
        session: Session | None = self.holder(context)
        if role is not None:
            values = {"aws:SourceAccount": context.account_id}
            if not enforcement_of(self.aws).judge.service_may_assume(SERVICE, role, values).allowed:
                raise invalid(f"Access denied while assuming the role {role}")
            session = self.aws.sessions.issue(role, "servicecatalog", SESSION_SECONDS)
        return Launching(self.aws, context.region, record, session)

    def _role(self, context: RequestContext, offer: Offer) -> str | None:
        for each in self.constraints_of(context, offer.portfolio.identity, offer.product.identity):
            if each.kind == LAUNCH:
                return str(json.loads(each.parameters)["RoleArn"])
        return None

    def _template(self, context: RequestContext, offer: Offer, version: Version) -> str:
        constraints = self.constraints_of(context, offer.portfolio.identity, offer.product.identity)
        return copied(self.aws, context.region, version.template, constraints)

    def _tags(self, context: RequestContext, offer: Offer, request: Body) -> dict[str, str]:
        """The request's, with the TagOptions: the one value that there is of a key, or one that has to be chosen."""
        given = {each["Key"]: each["Value"] for each in request.get("Tags") or ()}
        for key, values in self.tag_values(context, offer):
            if key not in given and len(values) == 1:
                given[key] = values[0]
            if given.get(key) not in values:
                raise invalid(f"The tag {key} has to be one of {', '.join(values)}.")
        return given

    def _arn(self, context: RequestContext, launched: LaunchedProduct) -> str:
        place = f"arn:{context.partition}:servicecatalog:{context.region}:{context.account_id}"
        return f"{place}:stack/{launched.name}/{launched.identity}"


def _refuse_busy(launched: LaunchedProduct) -> None:
    if launched.status == "UNDER_CHANGE":
        raise invalid(f"The provisioned product {launched.name} is under change.")


def _parameters(request: Body) -> list[Body]:
    """As CloudFormation takes them."""
    return [
        {"ParameterKey": each["Key"], "UsePreviousValue": True}
        if each.get("UsePreviousValue")
        else {"ParameterKey": each["Key"], "ParameterValue": each.get("Value", "")}
        for each in request.get("ProvisioningParameters") or ()
    ]
