"""The join data in SSM: one SecureString, which the founder and the agents overwrite, and workers read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from coordination.adapters.errors import AWS_ERRORS, code, unknown
from coordination.names import JOIN_CA, JOIN_DATA
from coordination.outcomes import Done, Known, Unknown
from userdata.join.data import JoinData, JoinDataError, join_data
from userdata.join.outcomes import Read, Unreadable

_NOT_THERE = "ParameterNotFound"


class JoinStore:
    """The data below `prefix` (`/holdfast/<uuid>`), encrypted with the key `key_id`, through a client of SSM."""

    def __init__(self, client: Any, prefix: str, key_id: str) -> None:
        self._client = client
        self._key_id = key_id
        self._data = f"{prefix}/{JOIN_DATA}"
        self._authority = f"{prefix}/{JOIN_CA}"

    def publish(self, data: JoinData) -> Done | Unknown:
        """Store the data in place of what is there. Raises JoinDataError where it is too long.

        The certificates stand once more in a parameter of their own, in clear: they are for people who reach the API
        from elsewhere.
        """
        text = data.text
        written = self._put(self._authority, {"Value": data.bundle, "Type": "String"})
        if isinstance(written, Unknown):
            return written
        return self._put(self._data, {"Value": text, "Type": "SecureString", "KeyId": self._key_id})

    def read(self) -> Read:
        """The data; None where nobody has published any."""
        try:
            stored = str(self._client.get_parameter(Name=self._data, WithDecryption=True)["Parameter"]["Value"])
        except AWS_ERRORS as error:
            return Known(None) if code(error) == _NOT_THERE else unknown("GetParameter", error)
        try:
            return Known(join_data(stored))
        except JoinDataError as error:
            return Unreadable(f"{self._data}: {error}")

    def _put(self, name: str, value: dict[str, str]) -> Done | Unknown:
        try:
            self._client.put_parameter(Name=name, Tier="Standard", Overwrite=True, **value)
        except AWS_ERRORS as error:
            # AWS quotes a value that it finds invalid: its words stay out.
            return replace(unknown("PutParameter", error), reason=f"PutParameter {name}: {code(error)}")
        return Done()
