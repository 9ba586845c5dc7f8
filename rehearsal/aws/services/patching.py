"""How a correction replaces one of moto's methods or properties: the new one is given the plain one first."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any


def around(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replace `owner.name` by the decorated function, which is called with the plain method and then its arguments.

    A property stays a property, and the function is given its plain getter; a static method stays static.
    """
    found = inspect.getattr_static(owner, name)
    kind = type(found) if isinstance(found, (property, staticmethod)) else None
    plain: Any = found.fget if isinstance(found, property) else getattr(owner, name)

    def replace(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(plain)
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return function(plain, *args, **kwargs)

        setattr(owner, name, kind(replacement) if kind else replacement)
        return function

    return replace


def given(plain: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the arguments of a call of `plain` by their names, however they were passed."""
    return dict(inspect.signature(plain).bind(*args, **kwargs).arguments)


def added(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give `owner` a method that moto lacks. Raises AttributeError when moto has it by now."""
    if hasattr(owner, name):
        raise AttributeError(f"moto has {owner.__name__}.{name} by now: the correction that adds it can go")

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(owner, name, function)
        return function

    return add
