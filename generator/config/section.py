"""What the sections of the configuration are made of."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Cidr = Annotated[
    str,
    Meta(
        pattern=r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$",
        extra={"allowed": "an IPv4 range such as 10.0.0.0/16"},
    ),
]


class Section(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Base of every section: immutable, camelCase in YAML, unknown keys refused."""
