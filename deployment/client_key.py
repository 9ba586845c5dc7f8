"""A person's key, the request for its certificate, and whether the certificate is the one that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deployment.refusal import Refusal


@dataclass(frozen=True)
class ClientKey:
    """A key that was made here and goes nowhere else, with the request for its certificate."""

    key: ec.EllipticCurvePrivateKey
    name: str
    group: str
    """Name and group in Kubernetes."""

    @classmethod
    def made(cls, name: str, group: str) -> ClientKey:
        """A new one."""
        return cls(ec.generate_private_key(ec.SECP256R1()), name, group)

    @property
    def key_pem(self) -> str:
        """The key. It is secret."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode("ascii")

    @property
    def request_pem(self) -> str:
        """The certificate signing request."""
        subject = x509.Name(
            [
                # RFC 5280 bounds a name to 64 characters, and the ARN of a role's session is longer. Go, in which
                # Kubernetes and kubectl are written, does not look at it; nor does OpenSSL when it reads one.
                x509.NameAttribute(NameOID.COMMON_NAME, self.name, _validate=False),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.group),
            ]
        )
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(self.key, hashes.SHA256())
        return request.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def ends_at(self, certificate_pem: str, authority_pem: str) -> datetime:
        """When the certificate ends, once it is seen to be of this key and this name. Raises Refusal."""
        try:
            certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
            authorities = x509.load_pem_x509_certificates(authority_pem.encode())
        except ValueError as error:
            raise Refusal(f"the cluster's answer is no certificate: {error}") from error
        names = {
            oid: [each.value for each in certificate.subject.get_attributes_for_oid(oid)]
            for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        }
        wanted = {NameOID.COMMON_NAME: [self.name], NameOID.ORGANIZATION_NAME: [self.group]}
        if certificate.public_key() != self.key.public_key() or names != wanted:
            raise Refusal("the cluster's answer is a certificate of another key or another name")
        if not any(_has_signed(authority, certificate) for authority in authorities):
            raise Refusal("the cluster's answer is a certificate that its authority has not signed")
        return certificate.not_valid_after_utc.astimezone(UTC)


def _has_signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True
