"""A certificate authority of one local cloud, in the place of the one that AWS's endpoints have theirs from."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID = timedelta(days=30)
"""Longer than any local cloud runs."""
TRUST_FILE = "etc/ssl/certs/holdfast-local-cloud.pem"
"""Where an instance finds the authority. Programs in Go read every file of this folder (crypto/x509, root_linux.go); on
EC2 the bundle of the system has AWS's authorities."""
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "holdfast local cloud")])


class Authority:
    """Signs certificates for hosts; keys and certificates are files in a folder that only root reads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.BasicConstraints(ca=True, path_length=0)
        self._certificate = self._builder(_NAME, self._key).add_extension(usage, critical=True).sign(self._key, _HASH)

    @property
    def pem(self) -> str:
        """The authority's own certificate."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def context(self, hosts: Sequence[str]) -> ssl.SSLContext:
        """What a server needs that has these names; `*.` at the beginning of one stands for one label. OSError."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "holdfast local cloud")])
        names = x509.SubjectAlternativeName([x509.DNSName(each) for each in hosts])
        # A certificate without a common name has its names here alone, and has to be read for them (RFC 5280, 4.2.1.6).
        signed = self._builder(name, key).add_extension(names, critical=False).sign(self._key, _HASH)
        file = self._folder / f"{hosts[0].replace('*', 'any')}.pem"
        file.touch(mode=0o600)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return x509.CertificateBuilder(
            _NAME, name, key.public_key(), x509.random_serial_number(), now - timedelta(hours=1), now + VALID
        )


_HASH = hashes.SHA256()
