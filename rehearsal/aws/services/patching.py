"""How a correction replaces one of moto's methods or properties: the new one is given the plain one first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def around(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replace `owner.name` by the decorated function, which is called with the plain method and then its arguments.

    A property stays a property; the function is then given the plain getter.
    """
    plain = getattr(owner, name)
    is_property = isinstance(plain, property)

    def replace(function: Callable[..., Any]) -> Callable[..., Any]:
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return function(plain.fget if is_property else plain, *args, **kwargs)

        setattr(owner, name, property(replacement) if is_property else replacement)
        return function

    return replace
