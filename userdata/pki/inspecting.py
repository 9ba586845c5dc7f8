"""What a certificate or a key says: how long it is good, for whom it is, and which key it is about."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from userdata.pki.openssl import Held, OpensslFailed, openssl

_SECONDS_OF_DAY = 24 * 3600
_REMEMBERED = 64
"""Certificates are public, and what one says never changes: openssl, a process for each question, is asked once."""


@dataclass(frozen=True)
class Certificate:
    """What is of interest in a certificate. Names are as in RFC 2253, as `CN=kubernetes`."""

    subject: str
    issuer: str
    begins: datetime
    ends: datetime

    def days_left(self, now: datetime) -> float:
        """How many days of 24 hours it is still good; negative once it has ended."""
        return (self.ends - now).total_seconds() / _SECONDS_OF_DAY


@lru_cache(_REMEMBERED)
def inspect(certificate: str) -> Certificate:
    """What a PEM certificate says, of a bundle the first one. Raises OpensslFailed."""
    asked = ("-subject", "-issuer", "-startdate", "-enddate")
    shown = openssl(["x509", "-in", Held(certificate), "-noout", "-nameopt", "RFC2253", *asked]).decode()
    fields = dict(line.partition("=")[::2] for line in shown.splitlines())
    try:
        return Certificate(
            subject=fields["subject"],
            issuer=fields["issuer"],
            begins=_moment(fields["notBefore"]),
            ends=_moment(fields["notAfter"]),
        )
    except (KeyError, ValueError) as error:
        raise OpensslFailed(f"openssl x509 showed no {error}") from None


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def ca_hashes(certificates: Sequence[str]) -> tuple[str, ...]:
    """One hash for each certificate, as kubeadm's caCertHashes has them. Raises OpensslFailed."""
    return tuple(f"sha256:{certificate_fingerprint(each)}" for each in certificates)


@lru_cache(_REMEMBERED)
def certificate_fingerprint(certificate: str) -> str:
    """Of the certificate's key. Raises OpensslFailed."""
    return _fingerprint(openssl(["x509", "-in", Held(certificate), "-noout", "-pubkey"]).decode())


def key_fingerprint(private_key: str) -> str:
    """Of a private key's public half. Raises OpensslFailed."""
    return _fingerprint(openssl(["pkey", "-in", Held(private_key), "-pubout"]).decode())


def _fingerprint(public_key: str) -> str:
    """sha256 of the key's SubjectPublicKeyInfo, as 64 hexadecimal digits: the same wherever the key is met."""
    return hashlib.sha256(openssl(["pkey", "-pubin", "-in", Held(public_key), "-outform", "DER"])).hexdigest()
