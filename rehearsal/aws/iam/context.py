"""The context of a request: the values of the condition keys that a policy may ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rehearsal.aws.iam.patterns import Lookup

Values = str | tuple[str, ...]
"""One value, or those of a key that may have several."""


class UnknownKey(Exception):
    """A policy asks for a condition key whose value nobody computes here, so no answer would be true."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the local AWS does not know the condition key {key}")
        self.key = key


class KnownKeys:
    """Keys that are computed, so that the absence of one of them means something. Upper and lower case do not matter.

    A key that ends in `/` or `:` stands for all that begin with it.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = frozenset(key.lower() for key in keys)
        self._prefixes = tuple(key for key in self._keys if key.endswith(("/", ":")))

    def __contains__(self, key: str) -> bool:
        return key.lower() in self._keys or key.lower().startswith(self._prefixes)


class Context:
    """Condition keys with their values; upper and lower case of a key do not matter.

    Without `known` every key that has no value counts as absent.
    """

    def __init__(self, values: Mapping[str, Values], known: KnownKeys | None = None) -> None:
        self._values = {key.lower(): value for key, value in values.items()}
        self._known = known

    def get(self, key: str) -> Values | None:
        """The key's value, or None where the request has none. Raises UnknownKey."""
        value = self._values.get(key.lower())
        if value is None and self._known is not None and key not in self._known:
            raise UnknownKey(key)
        return value

    @property
    def variables(self) -> Lookup:
        """How policy variables are replaced: only keys with exactly one value can be."""

        def lookup(key: str) -> str | None:
            value = self.get(key)
            return value if isinstance(value, str) else None

        return lookup
