"""How a correction replaces one of moto's methods or properties: the new one is given the plain one first."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any


def around(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replace `owner.name` by the decorated function, which is called with the plain method and then its arguments.

    A property stays a property; the function is then given the plain getter.
    """
    plain = getattr(owner, name)
    is_property = isinstance(plain, property)

    def replace(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(plain.fget if is_property else plain)
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return function(plain.fget if is_property else plain, *args, **kwargs)

        setattr(owner, name, property(replacement) if is_property else replacement)
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
