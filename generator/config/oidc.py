"""The section of an OpenID Connect issuer, and the text in which it reaches the nodes."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from msgspec import Meta

from coordination.names import AccessGroup, OidcField
from generator.config.section import Cidr, Section

# A security group takes 60 rules out, unless AWS is asked for more (Amazon VPC quotas), and control planes have 14.
MOST_ISSUERS = 5
_MOST_CIDRS = 5
# What SSM's advanced tier takes (Systems Manager user guide, "Managing parameter tiers"); an ASCII text has as many
# characters as bytes.
LARGEST_TEXT = 8192
_HTTPS = 443
_DIGEST_CHARACTERS = 16

Url = Annotated[
    str,
    Meta(
        max_length=512,
        # A name of two labels or more, as in network.dnsAllowedDomains, for the VPC's resolver has to answer it.
        pattern=r"^https://([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
        r"(:[0-9]{1,5})?(/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?$",
        extra={
            "allowed": "https:// and a DNS name of at least two labels, then an optional port and path, without user, "
            "query and fragment, 512 characters at most"
        },
    ),
]
Audience = Annotated[
    str,
    Meta(min_length=1, max_length=256, extra={"allowed": "1 to 256 characters"}),
]
# Two underscores begin an escape in CEL (pkg/cel/escaping.go of k8s.io/apiserver).
Claim = Annotated[
    str,
    Meta(
        max_length=128,
        pattern=r"^(_?[A-Za-z0-9.:/-]+)+_?$",
        extra={"allowed": "1 to 128 letters, digits and .:/-, with single underscores"},
    ),
]
Prefix = Annotated[
    str,
    Meta(pattern=r"^[!-~]{1,64}$", extra={"allowed": "1 to 64 characters of ASCII without spaces"}),
]
IssuerGroup = Annotated[
    str,
    Meta(min_length=1, max_length=256, extra={"allowed": "1 to 256 characters"}),
]
IssuerGroups = Annotated[tuple[IssuerGroup, ...], Meta(max_length=20)]
PemBundle = Annotated[str, Meta(extra={"allowed": "certificates in PEM", "lines": True})]


class OidcGroups(Section, frozen=True, kw_only=True):
    """Which groups of an issuer have the cluster's default rights."""

    view: Annotated[IssuerGroups, Meta(description="Groups of the issuer that are members of holdfast:view.")] = ()
    edit: Annotated[IssuerGroups, Meta(description="Groups of the issuer that are members of holdfast:edit.")] = ()
    admin: Annotated[IssuerGroups, Meta(description="Groups of the issuer that are members of holdfast:admin.")] = ()

    def of(self, group: AccessGroup) -> tuple[str, ...]:
        """The issuer's groups that are members of one of the cluster's."""
        found: tuple[str, ...] = getattr(self, group.value)
        return found


class Endpoint(NamedTuple):
    """Where API servers ask an issuer."""

    host: str
    """In lower case, as DNS Firewall lists it."""
    port: int


class OidcIssuer(Section, frozen=True, kw_only=True):
    """An issuer whose tokens the API servers take."""

    url: Annotated[Url, Meta(description="URL of the issuer: exactly what its tokens have as `iss`.")]
    discovery_url: Annotated[
        Url | None,
        Meta(
            description="Where its discovery document is read, if not at <url>/.well-known/openid-configuration: the "
            "whole URL of the document."
        ),
    ] = None
    audiences: Annotated[
        tuple[Audience, ...],
        Meta(min_length=1, max_length=10, description="A token has to be for one of them (`aud`)."),
    ]
    certificate_authority: Annotated[
        PemBundle | None,
        Meta(description="Authorities that the issuer's certificate is verified with, in PEM; else the image's own."),
    ] = None
    username_claim: Annotated[Claim, Meta(description="The claim that names the user.")] = "sub"
    username_prefix: Annotated[
        Prefix, Meta(description="What the user's name begins with in the cluster; another one for each issuer.")
    ]
    groups_claim: Annotated[Claim | None, Meta(description="The claim that lists the user's groups.")] = None
    groups_prefix: Annotated[
        Prefix | None, Meta(description="With groupsClaim: what groups begin with; another one for each issuer.")
    ] = None
    groups: Annotated[
        OidcGroups,
        Meta(description="With groupsClaim: the issuer's groups, without a prefix, that have default rights."),
    ] = OidcGroups()
    cidrs: Annotated[
        tuple[Cidr, ...],
        Meta(
            min_length=1,
            max_length=_MOST_CIDRS,
            description="Where API servers reach the issuer, at the port of its URL: control planes may send there.",
        ),
    ]

    @property
    def endpoint(self) -> Endpoint:
        """Where API servers read the discovery document."""
        host, _, port = urlsplit(self.discovery_url or self.url).netloc.partition(":")
        return Endpoint(host.lower(), int(port) if port else _HTTPS)

    @property
    def digest(self) -> str:
        """What names the issuer's parameter. Of the URL alone, so that a change of the others moves no issuer."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:_DIGEST_CHARACTERS]

    @property
    def text(self) -> str:
        """The value of the issuer's parameter: JSON of OidcField, in ASCII.

        Neither SSM nor CloudFormation takes two opening braces for text (API reference, PutParameter; dynamic
        references): in JSON they stand within strings only, where one can be escaped.
        """
        fields = {
            OidcField.URL: self.url,
            OidcField.DISCOVERY_URL: self.discovery_url or "",
            OidcField.AUDIENCES: self.audiences,
            OidcField.CERTIFICATE_AUTHORITY: self.certificate_authority or "",
            OidcField.USERNAME_CLAIM: self.username_claim,
            OidcField.USERNAME_PREFIX: self.username_prefix,
            OidcField.GROUPS_CLAIM: self.groups_claim or "",
            OidcField.GROUPS_PREFIX: self.groups_prefix or "",
            OidcField.GROUPS: {group.value: self.groups.of(group) for group in AccessGroup if self.groups.of(group)},
        }
        return json.dumps(fields, separators=(",", ":")).replace("{{", "{\\u007b")
