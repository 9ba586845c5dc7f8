"""GET and HEAD for sources and registries: redirects, tries, the anonymous tokens of registries, and a mirror."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

_TRIES = 4
PAUSE_SECONDS = 0.5
"""Before the second try; each later one waits twice as long."""
_TIMEOUT_SECONDS = 30
_LATER = frozenset({429, 500, 502, 503, 504})
_LARGEST = 4 << 20
"""Bytes: neither a file of checksums nor a manifest is larger (OCI distribution specification: 4 MiB)."""
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class SourceFailed(Exception):
    """A source did not answer, or not with what was asked for. The message is one line with its address."""


class Contradiction(Exception):
    """A source says something that cannot be true, or not what it said before. The message is one line."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but from https to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.type == "https" and not newurl.startswith("https://"):
            raise SourceFailed(f"{req.full_url}: redirects to {newurl}, which is not encrypted")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        # urllib asks with GET wherever it is led.
        if request is not None and req.get_method() == "HEAD":
            request.method = "HEAD"
        return request


@dataclass(frozen=True)
class Answer:
    """What came."""

    url: str
    """Where it came from in the end."""
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        """A header, whatever the case of its name."""
        return next((value for each, value in self.headers.items() if each.lower() == name.lower()), None)


@dataclass
class Sources:
    """Asks sources, or their copies below `mirror`: each address there without its scheme."""

    mirror: str | None = None
    _tokens: dict[str, str] = field(default_factory=dict)
    # Made once: it reads the machine's certificates.
    _opener: urllib.request.OpenerDirector = field(default_factory=lambda: urllib.request.build_opener(_Redirects))

    def address(self, url: str) -> str:
        """Where to ask for an address."""
        return url if self.mirror is None else mirrored(url, self.mirror)

    def get(self, url: str, accept: str | None = None) -> Answer:
        """A small file. SourceFailed."""
        with self._opened("GET", url, accept) as reply:
            body = _read(reply, url)
            return Answer(reply.url, dict(reply.headers), body)

    def head(self, url: str) -> Answer:
        """What is known of a file without it. SourceFailed."""
        with self._opened("HEAD", url, None) as reply:
            return Answer(reply.url, dict(reply.headers), b"")

    def stream(self, url: str) -> Iterator[bytes]:
        """A large file, in blocks. SourceFailed, also where it ends early."""
        with self._opened("GET", url, None) as reply:
            yield from _blocks(reply)

    @contextmanager
    def _opened(self, method: Literal["GET", "HEAD"], url: str, accept: str | None) -> Iterator[Any]:
        place = self.address(url)
        for left in reversed(range(_TRIES)):
            try:
                reply = self._open(method, place, accept)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == 401 and self._sign_in(place, error):
                    continue
                if error.code not in _LATER or not left:
                    raise SourceFailed(f"{place}: answers {error.code} {error.reason}") from error
            except (OSError, http.client.HTTPException) as error:
                if not left:
                    raise SourceFailed(f"{place}: {_reason(error)}") from error
            else:
                with reply:
                    yield reply
                return
            time.sleep(PAUSE_SECONDS * 2 ** (_TRIES - 1 - left))
        raise SourceFailed(f"{place}: takes no token that it gives")

    def _open(self, method: str, place: str, accept: str | None) -> Any:
        request = urllib.request.Request(place, method=method, headers={"User-Agent": "holdfast"})
        if accept is not None:
            request.add_header("Accept", accept)
        if token := self._tokens.get(_repository(place)):
            # Not sent to where a redirect leads.
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        return self._opener.open(request, timeout=_TIMEOUT_SECONDS)

    def _sign_in(self, place: str, refused: urllib.error.HTTPError) -> bool:
        """Get the anonymous token that a registry asks for (distribution specification, "Token Authentication")."""
        scheme, _, rest = refused.headers.get("WWW-Authenticate", "").partition(" ")
        asked = dict(_CHALLENGE.findall(rest))
        if scheme.lower() != "bearer" or "realm" not in asked:
            return False
        query = urllib.parse.urlencode({name: asked[name] for name in ("service", "scope") if name in asked})
        try:
            with self._opener.open(f"{asked['realm']}?{query}", timeout=_TIMEOUT_SECONDS) as found:
                raw = json.loads(_read(found, asked["realm"]))
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise SourceFailed(f"{asked['realm']}: gives no token: {_reason(error)}") from error
        token = raw.get("token") or raw.get("access_token") if isinstance(raw, dict) else None
        known = self._tokens.get(_repository(place))
        if not isinstance(token, str) or token == known:
            return False
        self._tokens[_repository(place)] = token
        return True


def mirrored(url: str, mirror: str) -> str:
    """Where a mirror has an address: below its own, the address without its scheme."""
    return f"{mirror.rstrip('/')}/{url.partition('://')[2]}"


def _repository(place: str) -> str:
    """What a token is good for: a registry's repository."""
    return place.partition("/manifests/")[0]


def _read(reply: Any, url: str) -> bytes:
    body = b""
    for block in _blocks(reply):
        body += block
        if len(body) > _LARGEST:
            raise SourceFailed(f"{url}: more than {_LARGEST} bytes, which neither checksums nor manifests have")
    return body


def _blocks(reply: Any) -> Iterator[bytes]:
    """A body, block by block, to its announced end. SourceFailed."""
    announced, came = reply.headers.get("Content-Length"), 0
    try:
        while block := reply.read(1 << 20):
            came += len(block)
            yield block
    except (OSError, http.client.HTTPException) as error:
        raise SourceFailed(f"{reply.url}: ended early: {_reason(error)}") from error
    # A connection that ends between two blocks is no error to http.client.
    if announced is not None and came != int(announced):
        raise SourceFailed(f"{reply.url}: ended early, after {came} of {announced} bytes")


def _reason(error: Exception) -> str:
    return str(error.reason) if isinstance(error, urllib.error.URLError) else str(error) or type(error).__name__
