"""Which operation of a REST service a request calls, by the model's methods, paths and required parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qsl, unquote

from moto.core.model import ServiceModel
from werkzeug.wrappers import Request

_LABEL = re.compile(r"\{(\w+)(\+?)\}")
BUCKET = "Bucket"
"""A parameter that boto3's clients cut out of the paths of the models that they share with this process."""
SERVER_HOST = "localhost"
"""The name under which the local AWS is reached; what stands before it in an S3 request is a bucket's name."""


@dataclass(frozen=True)
class Found:
    """An operation and the parameters in its path."""

    operation: str
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class Route:
    """One operation's method, path and what its query string and headers must hold."""

    operation: str
    method: str
    path: re.Pattern[str]
    literals: Mapping[str, str]
    queries: tuple[str, ...]
    headers: tuple[str, ...]
    fixed_length: int
    """How much of the path is fixed: where two match, the more fixed one is meant."""

    def fits(self, query: Mapping[str, str], request: Request) -> bool:
        """Whether everything that the operation requires is there."""
        return (
            all(name in query and value in ("", query[name]) for name, value in self.literals.items())
            and all(name in query for name in self.queries)
            and all(name in request.headers for name in self.headers)
        )

    @property
    def rank(self) -> tuple[int, int]:
        """The operation that requires most is the one that is meant."""
        return len(self.literals) + len(self.queries) + len(self.headers), self.fixed_length


class Routes:
    """All operations of one service."""

    def __init__(self, routes: list[Route]) -> None:
        self._routes = sorted(routes, key=lambda route: route.rank, reverse=True)

    def match(self, method: str, path: str, request: Request) -> Found | None:
        """The operation that a request calls, or None."""
        query = dict(parse_qsl(request.query_string.decode(), keep_blank_values=True))
        for route in self._routes:
            found = route.path.fullmatch(path) if route.method == method else None
            if found is not None and route.fits(query, request):
                return Found(route.operation, {name: unquote(value) for name, value in found.groupdict().items()})
        return None


@cache
def routes(model: ServiceModel) -> Routes:
    """The routes of a service, made once."""
    return Routes([_route(model, str(name)) for name in model.operation_names])


def raw_path(request: Request) -> str:
    """The path as it was sent, before its percent signs were decoded."""
    path: str = request.environ.get("RAW_URI") or request.path
    return path.partition("?")[0]


def bucket_path(request: Request) -> str:
    """The path of an S3 request with the bucket in it, also where the client put it into the host's name."""
    host = request.host.partition(":")[0]
    bucket = host.removesuffix(f".{SERVER_HOST}")
    path = raw_path(request)
    path = path if bucket == host else f"/{bucket}{path}"
    # `/bucket/` is the bucket, as `/bucket` is.
    return path.rstrip("/") or "/" if path.count("/") <= 2 and path.endswith("/") else path


def _route(model: ServiceModel, name: str) -> Route:
    operation = model.operation_model(name)
    template, _, literal = str(operation.http["requestUri"]).partition("?")
    queries, headers = [], []
    shape = operation.input_shape
    for member in shape.required_members if shape is not None else ():
        serialization = shape.members[member].serialization
        location = serialization.get("location")
        if location == "querystring":
            queries.append(serialization.get("name", member))
        elif location == "header":
            headers.append(serialization.get("name", member))
        elif location == "uri" and member == BUCKET and f"{{{BUCKET}}}" not in template:
            template = f"/{{{BUCKET}}}{template}".rstrip("/")
    return Route(
        name,
        str(operation.http["method"]),
        _path(template),
        dict(parse_qsl(literal, keep_blank_values=True)),
        tuple(queries),
        tuple(headers),
        len(_LABEL.sub("", template)),
    )


def _path(template: str) -> re.Pattern[str]:
    pattern = ""
    position = 0
    for label in _LABEL.finditer(template):
        pattern += re.escape(template[position : label.start()])
        pattern += f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})"
        position = label.end()
    return re.compile(pattern + re.escape(template[position:]), re.DOTALL)
