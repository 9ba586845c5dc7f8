"""What a cluster's secrets are: authorities, keys of service accounts, keys that encrypt Secrets. Pure values.

Trust is a bundle and keys are lists, the first of each being the one in use: so a new one can stand beside an old one
for as long as both are met. Reprs show no key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_ITEM_BYTES = 4096
"""Of a standard parameter's value
(https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html)."""

CERTIFICATE = "CERTIFICATE"
PRIVATE_KEY = "PRIVATE KEY"
PUBLIC_KEY = "PUBLIC KEY"

_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----\n[A-Za-z0-9+/=\n]+-----END \1-----\n")
_ENCRYPTION_LINE = re.compile(r"([a-z0-9-]{1,32}) ([A-Za-z0-9+/]{43}=)")


class MaterialError(ValueError):
    """Text that is no such material, or more than an item can hold. Says which item and what is missing, no content."""


@dataclass(frozen=True)
class Authority:
    """A certificate authority: the certificates that are trusted, and the keys that may sign. Each is a PEM block."""

    certificates: tuple[str, ...]
    keys: tuple[str, ...] = field(repr=False)

    @property
    def bundle(self) -> str:
        """All certificates in one text, the one that signs first."""
        return "".join(self.certificates)


@dataclass(frozen=True)
class ServiceAccountKeys:
    """The keys of tokens: the first private one signs, and every public one is believed."""

    private: tuple[str, ...] = field(repr=False)
    public: tuple[str, ...]


@dataclass(frozen=True)
class EncryptionKey:
    """A key that encrypts Secrets in etcd: 32 bytes in base64. Its name is written beside what it encrypted."""

    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Pki:
    """Everything that must be the same on every control plane. The first encryption key encrypts, all decrypt."""

    cluster: Authority
    etcd: Authority
    front_proxy: Authority
    service_accounts: ServiceAccountKeys
    encryption: tuple[EncryptionKey, ...]


_AUTHORITIES = ("ca", "etcd-ca", "front-proxy-ca")
ITEMS = (*_AUTHORITIES, "service-accounts", "encryption")
"""The names of the items that a set consists of. A certificate and its key are one item, so that no two runs mix."""


def blocks_of_certificates(bundle: str) -> tuple[str, ...]:
    """The certificates of a bundle, each a PEM block. Raises MaterialError."""
    return _blocks("the bundle", bundle, CERTIFICATE)


def items(pki: Pki) -> Mapping[str, str]:
    """The set as items by name, each short enough for a parameter. Raises MaterialError."""
    found = {
        name: "".join((*authority.certificates, *authority.keys))
        for name, authority in zip(_AUTHORITIES, (pki.cluster, pki.etcd, pki.front_proxy), strict=True)
    }
    found["service-accounts"] = "".join((*pki.service_accounts.public, *pki.service_accounts.private))
    found["encryption"] = "".join(f"{key.name} {key.secret}\n" for key in pki.encryption)
    for name, content in found.items():
        if len(content) > MAX_ITEM_BYTES:
            raise MaterialError(f"{name} has {len(content)} bytes, allowed: {MAX_ITEM_BYTES}; retire an old key first")
    return found


def pki(found: Mapping[str, str]) -> Pki:
    """The set that these items hold. Raises MaterialError."""
    for name in ITEMS:
        if name not in found:
            raise MaterialError(f"{name} is missing")
    cluster, etcd, front_proxy = (_authority(name, found[name]) for name in _AUTHORITIES)
    return Pki(
        cluster=cluster,
        etcd=etcd,
        front_proxy=front_proxy,
        service_accounts=ServiceAccountKeys(
            private=_blocks("service-accounts", found["service-accounts"], PRIVATE_KEY),
            public=_blocks("service-accounts", found["service-accounts"], PUBLIC_KEY),
        ),
        encryption=_encryption(found["encryption"]),
    )


def _authority(name: str, content: str) -> Authority:
    return Authority(_blocks(name, content, CERTIFICATE), _blocks(name, content, PRIVATE_KEY))


def _blocks(name: str, content: str, label: str) -> tuple[str, ...]:
    found = tuple(block[0] for block in _BLOCK.finditer(content) if block[1] == label)
    if not found:
        raise MaterialError(f"{name} holds no {label}")
    return found


def _encryption(content: str) -> tuple[EncryptionKey, ...]:
    found = []
    for number, line in enumerate(content.splitlines(), start=1):
        parts = _ENCRYPTION_LINE.fullmatch(line)
        if parts is None:
            raise MaterialError(f"encryption: line {number} is not a name and a key of 32 bytes in base64")
        found.append(EncryptionKey(parts[1], parts[2]))
    if not found:
        raise MaterialError("encryption holds no key")
    return tuple(found)
