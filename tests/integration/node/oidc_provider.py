"""An OpenID Connect provider on loopback: several issuers by name, their keys and documents, and tokens of any content.

Who asks finds it by a proxy, whatever name he asks for, so issuers have the names that people configure.
"""

from __future__ import annotations

import base64
import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

_HOUR = timedelta(hours=1)
_COORDINATE_BYTES = 32


def encoded(data: bytes) -> str:
    """base64url as in JSON Web Signatures."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class RsaKey:
    """Signs with RS256."""

    algorithm = "RS256"

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def sign(self, data: bytes) -> bytes:
        """The signature of the data."""
        return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def public(self) -> dict[str, str]:
        """What a JWK says of it."""
        numbers = self._key.public_key().public_numbers()
        return {"kty": "RSA", "n": encoded(numbers.n.to_bytes(256)), "e": encoded(numbers.e.to_bytes(3))}


class EcKey:
    """Signs with ES256."""

    algorithm = "ES256"

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def sign(self, data: bytes) -> bytes:
        """The signature of the data, in the form of JSON Web Signatures."""
        parts = decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        return b"".join(part.to_bytes(_COORDINATE_BYTES) for part in parts)

    def public(self) -> dict[str, str]:
        """What a JWK says of it."""
        numbers = self._key.public_key().public_numbers()
        x, y = (encoded(each.to_bytes(_COORDINATE_BYTES)) for each in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


@dataclass(frozen=True)
class Issuer:
    """One issuer of the provider."""

    url: str
    key: RsaKey | EcKey
    keys_url: str
    """Where it says that its keys are."""

    def token(self, claims: Mapping[str, object], *, key: RsaKey | EcKey | None = None) -> str:
        """A token with these claims beside the usual ones, of which a claim of None is left out."""
        now = int(time.time())
        usual = {"iss": self.url, "iat": now, "exp": now + 600}
        content = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        signer = key or self.key
        header = {"alg": signer.algorithm, "kid": "one", "typ": "JWT"}
        signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, content))
        return f"{signed}.{encoded(signer.sign(signed.encode()))}"


@dataclass
class Provider:
    """Serves what is in `documents`, by host and path, until it is stopped."""

    folder: Path
    names: tuple[str, ...]
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Every host and path that was asked for."""

    def start(self) -> Provider:
        """Listen, with a certificate for all names of an authority of its own."""
        self.authority, pair = _certificates(self.names)
        (self.folder / "server.pem").write_text(pair)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem")
        provider = self

        class Documents(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place = f"{self.headers['Host']}{self.path}"
                provider.asked.append(place)
                found = provider.documents.get(place)
                body = json.dumps(found).encode()
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """What was asked is kept."""

        class Proxy(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                self.send_response(200)
                self.end_headers()
                with socket.create_connection(("127.0.0.1", server.server_port)) as there:
                    _relay(self.connection, there)

            def log_message(self, *_: object) -> None:
                """Every name leads to the same place."""

        class Secured(ThreadingHTTPServer):
            def finish_request(self, request: Any, client_address: Any) -> None:
                # Not before the connection has a thread of its own: a slow handshake would hold the others up.
                with context.wrap_socket(request, server_side=True) as secured:
                    super().finish_request(secured, client_address)

        server = Secured(("127.0.0.1", 0), Documents)
        proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        self.proxy = f"http://127.0.0.1:{proxy.server_port}"
        self._servers = (server, proxy)
        for each in self._servers:
            threading.Thread(target=each.serve_forever, daemon=True).start()
        return self

    def issuer(self, url: str, key: RsaKey | EcKey, *, document: str = "") -> Issuer:
        """A new issuer, whose discovery document is at the usual place or at the URL `document`."""
        at = document or f"{url.rstrip('/')}/.well-known/openid-configuration"
        issuer = Issuer(url, key, f"{at.rpartition('/')[0]}/keys")
        self.documents[_place(at)] = {
            "issuer": url,
            "jwks_uri": issuer.keys_url,
            "id_token_signing_alg_values_supported": [key.algorithm],
        }
        published = {**key.public(), "kid": "one", "use": "sig", "alg": key.algorithm}
        self.documents[_place(issuer.keys_url)] = {"keys": [published]}
        return issuer

    def stop(self) -> None:
        """Stop listening."""
        for each in self._servers:
            each.shutdown()
            each.server_close()


def _place(url: str) -> str:
    return url.removeprefix("https://")


def _relay(here: socket.socket, there: socket.socket) -> None:
    ways = {here: there, there: here}
    with suppress(OSError):
        while True:
            for each in select.select(list(ways), [], [])[0]:
                data = each.recv(65536)
                if not data:
                    return
                ways[each].sendall(data)


def _certificates(names: tuple[str, ...]) -> tuple[str, str]:
    """An authority in PEM, and key and certificate of a server with these names."""
    now = datetime.now(UTC)
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuers of tests")])

    def builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _HOUR)
            .not_valid_after(now + 24 * _HOUR)
        )

    authority = (
        builder(authority_name, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    server = (
        builder(subject, server_key)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return authority.public_bytes(pem).decode(), (key + server.public_bytes(pem)).decode()
