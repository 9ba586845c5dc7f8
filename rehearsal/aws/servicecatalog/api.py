"""Service Catalog: all operations together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.aws.servicecatalog.api_actions import ActionOperations
from rehearsal.aws.servicecatalog.api_products import ProductOperations

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws


class Catalog(ActionOperations, ProductOperations):
    """Service Catalog of the local AWS."""


def start(aws: LocalAws) -> None:
    """Answer Service Catalog's requests in this local AWS."""
    aws.register(Catalog(aws))
