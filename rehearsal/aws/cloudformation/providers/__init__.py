"""One module per AWS service: how its resource types are made, changed and deleted through the service's public API."""

from __future__ import annotations

import importlib
import pkgutil


def load_all() -> None:
    """Import every module here, so that each registers its types."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
