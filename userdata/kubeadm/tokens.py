"""Bootstrap tokens: with one, a worker may ask for its certificate, and for nothing else of weight."""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass, field

# https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#token-format
_FORMAT = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_CHARACTERS = string.ascii_lowercase + string.digits

GROUP = "system:bootstrappers:kubeadm:default-node-token"
"""The group that kubeadm's rules for joining nodes are about."""


@dataclass(frozen=True)
class BootstrapToken:
    """`token_id` is public: it names the Secret, and the user who asks with the token."""

    token_id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """The token as it is presented."""
        return f"{self.token_id}.{self.secret}"


def new_token() -> BootstrapToken:
    """A token that nobody can guess: 82 bits."""
    return BootstrapToken(_characters(6), _characters(16))


def bootstrap_token(text: str) -> BootstrapToken:
    """The token that a text is. Raises ValueError, without the text."""
    parts = _FORMAT.fullmatch(text)
    if parts is None:
        raise ValueError("this is no bootstrap token, allowed: 6 and 16 small letters or digits with a dot between")
    return BootstrapToken(parts[1], parts[2])


def _characters(count: int) -> str:
    return "".join(secrets.choice(_CHARACTERS) for _ in range(count))
