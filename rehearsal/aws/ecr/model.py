"""What ECR holds in a region: repositories with their images, the layers of all of them, and the tokens given out."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rehearsal.aws.sessions import Session

TOKEN_HOURS = 12
"""How long a token is valid (API reference, GetAuthorizationToken)."""
USER = "AWS"
"""The user's name that goes with every token (ECR user guide, "Private registry authentication")."""
_TOKEN_BYTES = 96


@dataclass(frozen=True)
class ImageManifest:
    """An image's manifest as it was pushed."""

    digest: str
    """As `sha256:…`."""
    media_type: str
    body: bytes


@dataclass
class Repository:
    """A repository and what was pushed to it."""

    name: str
    arn: str
    uri: str
    created_at: datetime
    manifests: dict[str, ImageManifest] = field(default_factory=dict)
    """By digest."""
    tags: dict[str, str] = field(default_factory=dict)
    """Tag -> digest of a manifest."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    """Layers and configurations by digest."""

    def find(self, reference: str) -> ImageManifest | None:
        """The manifest that a tag or a digest names."""
        return self.manifests.get(self.tags.get(reference, reference))

    def push(self, tag: str, manifest: ImageManifest, blobs: Mapping[str, bytes]) -> None:
        """Take an image in; the tag leads to it from now on."""
        self.blobs.update(blobs)
        self.manifests[manifest.digest] = manifest
        self.tags[tag] = manifest.digest


@dataclass(frozen=True)
class RegistryToken:
    """A password of the registries, and whose it is."""

    password: str
    holder: Session | None
    """Who asked for it; None for the operator, who may do everything."""
    expires_at: datetime

    def encoded(self) -> str:
        """As GetAuthorizationToken gives it, and as HTTP's Basic scheme carries it."""
        return base64.b64encode(f"{USER}:{self.password}".encode()).decode()


@dataclass
class EcrRegion:
    """The registry of the account in one region."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    tokens: dict[str, RegistryToken] = field(default_factory=dict)
    """By password; those that have expired, too."""

    def issue(self, holder: Session | None, now: datetime) -> RegistryToken:
        """A new token for somebody."""
        password = base64.b64encode(secrets.token_bytes(_TOKEN_BYTES)).decode()
        token = self.tokens[password] = RegistryToken(password, holder, now + timedelta(hours=TOKEN_HOURS))
        return token
