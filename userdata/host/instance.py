"""Who this instance is, by the instance metadata service, version 2: a token first, then everything else."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass

from coordination.outcomes import Known, Reading, Unknown
from userdata.host import network

ADDRESS = "169.254.169.254"
_SECONDS = 2
_TOKEN_SECONDS = 300
_LARGEST_ANSWER = 1 << 16

Connect = Callable[[], http.client.HTTPConnection]


def _connect() -> http.client.HTTPConnection:
    # http.client asks no proxy, whatever the environment says.
    return http.client.HTTPConnection(ADDRESS, timeout=_SECONDS)


@dataclass(frozen=True)
class InstanceIdentity:
    """The instance as EC2 started it."""

    instance_id: str
    zone: str
    region: str
    account_id: str
    address: str
    """Its private IPv4 address."""
    instance_type: str
    image_id: str
    partition: str
    """As `aws`, `aws-cn`, `aws-us-gov`."""

    @property
    def arn(self) -> str:
        """The instance's ARN; its boot row is named by it."""
        return f"arn:{self.partition}:ec2:{self.region}:{self.account_id}:instance/{self.instance_id}"


class Metadata:
    """The metadata service. No method raises for what it answers, or fails to."""

    def __init__(self, connect: Connect = _connect) -> None:
        self._connect = connect
        self._token = ""

    def read(self, path: str) -> Reading[str | None]:
        """The text at a path below `latest/`, such as `meta-data/instance-id`; None where there is nothing."""
        answered = self._read_with_token(path)
        if isinstance(answered, Known) and answered.value[0] == http.client.UNAUTHORIZED:
            # The token has ended.
            self._token = ""
            answered = self._read_with_token(path)
        if isinstance(answered, Unknown):
            return answered
        status, text = answered.value
        if status == http.client.NOT_FOUND:
            return Known(None)
        return (
            Known(text) if status == http.client.OK else Unknown(f"metadata {path}: status {status}", f"HTTP {status}")
        )

    def identity(self) -> Reading[InstanceIdentity]:
        """Who this instance is: three requests."""
        document = self._needed("dynamic/instance-identity/document")
        if isinstance(document, Unknown):
            return document
        partition = self._needed("meta-data/services/partition")
        if isinstance(partition, Unknown):
            return partition
        return _identity(document.value, partition.value)

    def _needed(self, path: str) -> Reading[str]:
        reading = self.read(path)
        if isinstance(reading, Unknown):
            return reading
        return Unknown(f"metadata {path}: there is nothing") if reading.value is None else Known(reading.value)

    def _read_with_token(self, path: str) -> Reading[tuple[int, str]]:
        if not self._token:
            asked = self._ask("PUT", "api/token", {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_SECONDS)})
            if isinstance(asked, Unknown):
                return asked
            status, token = asked.value
            if status != http.client.OK:
                return Unknown(f"metadata api/token: status {status}", f"HTTP {status}")
            self._token = token
        return self._ask("GET", path, {"X-aws-ec2-metadata-token": self._token})

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> Reading[tuple[int, str]]:
        connection = self._connect()
        try:
            connection.request(method, f"/latest/{path}", headers=headers)
            answer = connection.getresponse()
            return Known((answer.status, answer.read(_LARGEST_ANSWER).decode()))
        except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
            return Unknown(f"metadata {path}: {type(error).__name__}", network.code(error))
        finally:
            connection.close()


def _identity(document: str, partition: str) -> Reading[InstanceIdentity]:
    try:
        found = json.loads(document)
        fields = {
            name: found[key]
            for name, key in (
                ("instance_id", "instanceId"),
                ("zone", "availabilityZone"),
                ("region", "region"),
                ("account_id", "accountId"),
                ("address", "privateIp"),
                ("instance_type", "instanceType"),
                ("image_id", "imageId"),
            )
        }
    except (ValueError, KeyError, TypeError) as error:
        return Unknown(f"metadata: the identity document cannot be understood: {type(error).__name__} {error}")
    if not all(isinstance(value, str) and value for value in fields.values()):
        return Unknown("metadata: the identity document lacks a text")
    return Known(InstanceIdentity(**fields, partition=partition.strip()))
