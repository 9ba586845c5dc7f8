"""Issuers of tokens as CloudFormation writes them into SSM. Pure; `ssm` reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from coordination.names import AccessGroup, OidcField
from userdata.config.settings import SettingsError
from userdata.kubeadm.oidc import OidcIssuer


def issuers(found: Mapping[str, str]) -> tuple[OidcIssuer, ...]:
    """The issuers that these parameters hold, in the order of the parameters' names, whatever order they came in.

    Raises SettingsError with every problem at once.
    """
    read: dict[str, OidcIssuer] = {}
    problems: list[str] = []
    for name, text in sorted(found.items()):
        try:
            read[name] = _issuer(json.loads(text))
        except KeyError as error:
            problems.append(f"{name}: {error.args[0]} is missing")
        except (ValueError, TypeError, AttributeError) as error:
            problems.append(f"{name}: it cannot be understood: {type(error).__name__} {error}")
    for kind in ("url", "discovery_url"):
        # The API server starts with no URL that stands there twice.
        first: dict[str, str] = {}
        for name, issuer in read.items():
            url = getattr(issuer, kind)
            if url and first.setdefault(url, name) != name:
                problems.append(f"{name}: {url[:80]!r} is also in {first[url]}")
    if problems:
        raise SettingsError(problems)
    return tuple(read.values())


def _issuer(found: Any) -> OidcIssuer:
    return OidcIssuer(
        url=_text(found[OidcField.URL]),
        discovery_url=_text(found[OidcField.DISCOVERY_URL]),
        audiences=_texts(found[OidcField.AUDIENCES]),
        certificate_authority=_text(found[OidcField.CERTIFICATE_AUTHORITY]),
        username_claim=_text(found[OidcField.USERNAME_CLAIM]),
        username_prefix=_text(found[OidcField.USERNAME_PREFIX]),
        groups_claim=_text(found[OidcField.GROUPS_CLAIM]),
        groups_prefix=_text(found[OidcField.GROUPS_PREFIX]),
        groups={AccessGroup(group): _texts(members) for group, members in found[OidcField.GROUPS].items()},
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is no text")
    return value


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(f"{values!r:.80} is no list")
    return tuple(_text(value) for value in values)
