"""Making authorities and keys, and issuing certificates, with openssl."""

from __future__ import annotations

import base64
import re
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from userdata.pki.material import Authority, EncryptionKey, Pki, ServiceAccountKeys
from userdata.pki.openssl import Held, openssl

BACKDATED = timedelta(minutes=5)
"""How much earlier than now a certificate begins, as kubeadm's do: the clock of whoever checks it may be behind."""
AUTHORITY_LIFETIME = timedelta(days=3650)
"""Ten years, as kubeadm's authorities have."""

Use = Literal["clientAuth", "serverAuth"]

# Subjects go to openssl as /O=…/CN=…, where these characters mean nothing else.
_NAME = re.compile(r"[A-Za-z0-9:._-]{1,64}")
_ALTERNATIVE = re.compile(r"(DNS:[A-Za-z0-9.*-]+|IP:[0-9a-fA-F.:]+)")

# `openssl ca`, because only it takes moments instead of whole days in every openssl 3. It insists on a database.
_CA = """\
[ca]
default_ca = issuing
[issuing]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
preserve = yes
x509_extensions = extensions
[any]
organizationName = optional
commonName = supplied
[extensions]
{extensions}
"""
_REQUEST = "[req]\ndistinguished_name = name\n[name]\n"
_AUTHORITY_EXTENSIONS = """\
basicConstraints = critical, CA:TRUE
keyUsage = critical, digitalSignature, keyCertSign, cRLSign
subjectKeyIdentifier = hash
subjectAltName = DNS:{name}
"""
_LEAF_EXTENSIONS = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
authorityKeyIdentifier = keyid
extendedKeyUsage = {uses}
"""


@dataclass(frozen=True)
class Subject:
    """Who a certificate is for: Kubernetes takes the name for a user's and the organization for a group."""

    name: str
    organization: str = ""

    def __str__(self) -> str:
        for part in (self.name, self.organization or self.name):
            if not _NAME.fullmatch(part):
                raise ValueError(f"{part!r} cannot be in a subject, allowed: 1 to 64 letters, digits and :._-")
        return f"/O={self.organization}/CN={self.name}" if self.organization else f"/CN={self.name}"


@dataclass(frozen=True)
class Leaf:
    """A certificate and its key, both PEM."""

    certificate: str
    key: str = field(repr=False)


def new_key() -> str:
    """A private key, EC P-256 in PKCS #8. Raises OpensslFailed."""
    return openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]).decode()


def new_request(subject: Subject, private_key: str) -> str:
    """A request for a certificate of this key, as PEM. Raises OpensslFailed."""
    request: list[str | Held] = ["req", "-new", "-config", Held(_REQUEST), "-utf8", "-subj", str(subject)]
    return openssl([*request, "-key", Held(private_key)]).decode()


def public_key(private_key: str) -> str:
    """The public half of a private key, as PEM. Raises OpensslFailed."""
    return openssl(["pkey", "-in", Held(private_key), "-pubout"]).decode()


def new_authority(name: str, now: datetime, lifetime: timedelta = AUTHORITY_LIFETIME) -> Authority:
    """An authority with a self-signed certificate. Raises OpensslFailed."""
    key = new_key()
    extensions = _AUTHORITY_EXTENSIONS.format(name=name)
    return Authority((_signed(Subject(name), key, key, None, extensions, now, lifetime),), (key,))


def new_pki(now: datetime) -> Pki:
    """A whole set for a new cluster: 11 calls of openssl, 0.06 s. Raises OpensslFailed."""
    tokens = new_key()
    return Pki(
        # The names are kubeadm's.
        cluster=new_authority("kubernetes", now),
        etcd=new_authority("etcd-ca", now),
        front_proxy=new_authority("front-proxy-ca", now),
        service_accounts=ServiceAccountKeys(private=(tokens,), public=(public_key(tokens),)),
        encryption=(new_encryption_key("key1"),),
    )


def new_encryption_key(name: str) -> EncryptionKey:
    """A key of 32 bytes, as secretbox wants."""
    return EncryptionKey(name, base64.b64encode(secrets.token_bytes(32)).decode())


def issue(
    authority: Authority,
    subject: Subject,
    uses: Sequence[Use],
    now: datetime,
    lifetime: timedelta,
    alternatives: Sequence[str] = (),
) -> Leaf:
    """A new key, and a certificate for it that the authority's first key signs. Raises OpensslFailed.

    It ends `lifetime` after `now`. `alternatives` are names and addresses of a server: `DNS:…`, `IP:…`.
    """
    for each in alternatives:
        if not _ALTERNATIVE.fullmatch(each):
            raise ValueError(f"{each!r} is no alternative name, allowed: DNS:name or IP:address")
    extensions = _LEAF_EXTENSIONS.format(uses=", ".join(uses))
    if alternatives:
        extensions += f"subjectAltName = {', '.join(alternatives)}\n"
    key = new_key()
    return Leaf(_signed(subject, key, authority.keys[0], authority.certificates[0], extensions, now, lifetime), key)


def _signed(
    subject: Subject,
    key: str,
    signing_key: str,
    signer: str | None,
    extensions: str,
    now: datetime,
    lifetime: timedelta,
) -> str:
    """A certificate; self-signed where there is no `signer`."""
    wanted = new_request(subject, key)
    with tempfile.TemporaryDirectory(prefix="holdfast-issuing-") as folder:
        with open(f"{folder}/index", "x", encoding="ascii"):
            pass
        configuration = _CA.format(folder=folder, extensions=extensions)
        command: list[str | Held] = ["ca", "-batch", "-notext", "-config", Held(configuration)]
        command += ["-in", Held(wanted), "-keyfile", Held(signing_key)]
        command += ["-selfsign"] if signer is None else ["-cert", Held(signer)]
        command += ["-startdate", _moment(now - BACKDATED), "-enddate", _moment(now + lifetime)]
        return openssl(command).decode()


def _moment(when: datetime) -> str:
    """A moment as `openssl ca` takes it."""
    return when.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
