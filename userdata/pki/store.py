"""The sets of keys in SSM: SecureStrings that are created once and never overwritten, a folder for each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from coordination.adapters.errors import AWS_ERRORS, code, unknown, unknown_after
from coordination.outcomes import Done, Known, Unknown
from userdata.pki import material
from userdata.pki.material import MaterialError, Pki
from userdata.pki.outcomes import Incomplete, Mixture, Read, Stored

_NOT_THERE = "ParameterNotFound"


class PkiStore:
    """The sets below `prefix` (`/holdfast/<uuid>`), encrypted with the key `key_id`, through a client of SSM.

    `tags` are put on each parameter.
    """

    def __init__(self, client: Any, prefix: str, key_id: str, tags: Mapping[str, str]) -> None:
        self._client = client
        self._prefix = prefix
        self._key_id = key_id
        self._tags = [{"Key": key, "Value": value} for key, value in tags.items()]

    def store(self, epoch: int, pki: Pki) -> Stored:
        """Store the set. Unknown: some of it may be stored, and storing the same set again goes on with the rest.

        Raises MaterialError where an item is too long for a parameter.
        """
        for item, content in material.items(pki).items():
            outcome = self._create(epoch, item, content)
            if not isinstance(outcome, Done):
                return outcome
        return Done()

    def read(self, epoch: int) -> Read:
        """The set of an epoch, whole or not at all."""
        names = {self._name(epoch, item): item for item in material.ITEMS}
        try:
            answer = self._client.get_parameters(Names=list(names), WithDecryption=True)
        except AWS_ERRORS as error:
            return unknown("GetParameters", error)
        found: Mapping[str, str] = {names[each["Name"]]: each["Value"] for each in answer["Parameters"]}
        try:
            return Known(material.pki(found))
        except MaterialError as error:
            return Incomplete(f"keys of epoch {epoch}: {error}")

    def _create(self, epoch: int, item: str, content: str) -> Stored:
        """Create one item. Refused or without a reply: what is stored now decides.

        botocore repeats a call whose reply was lost, and the repetition is refused because the first one happened.
        """
        name = self._name(epoch, item)
        try:
            self._client.put_parameter(
                Name=name,
                Value=content,
                Type="SecureString",
                KeyId=self._key_id,
                Tier="Standard",
                Overwrite=False,
                # An empty list needs the permission to tag, too.
                **({"Tags": self._tags} if self._tags else {}),
            )
        except AWS_ERRORS as error:
            # AWS quotes a value that it finds invalid: its words stay out.
            failure = replace(unknown("PutParameter", error), reason=f"PutParameter {name}: {code(error)}")
            stored = self._get(name)
            if isinstance(stored, Unknown):
                return unknown_after(failure, stored)
            if stored.value is None:
                # Refused, or on its way still.
                return failure
            return Done() if stored.value == content else Mixture(item)
        return Done()

    def _get(self, name: str) -> Known[str | None] | Unknown:
        try:
            return Known(str(self._client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]))
        except AWS_ERRORS as error:
            return Known(None) if code(error) == _NOT_THERE else unknown("GetParameter", error)

    def _name(self, epoch: int, item: str) -> str:
        return f"{self._prefix}/{epoch}/{item}"
