"""Finds names of hosts that nothing in a cluster's VPC answers, in what a node executes and in what configures it.

What is read: strings of Python, but for docstrings; lines of shell, of units and of settings, but for comments; keys
and values of JSON. A container image that the machine image holds is a name that is never called: pods of add-ons have
the pull policy Never, and what kubeadm and containerd start is there before them.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from coordination.names import URL_SUFFIXES
from generator.config import ClusterConfig
from generator.layers.network.endpoints import interface_services
from generator.policies import GATEWAY_SERVICES
from imagebuilder import artefacts, versions

DYNAMIC = "\0"
"""What stands in an f-string for what the program puts in."""
# Of names that stand alone, and not those that files end in. What follows :// is read whatever it ends in.
_TOP = "com net org io dev gov edu mil cloud aws cn eu uk de us info biz app ai co xyz".split()
_LABEL = r"[A-Za-z0-9_*${}\0-]+"
_NAME = re.compile(
    rf"(?<![\w.-])((?:{_LABEL}\.)+(?:{'|'.join(_TOP)}))(?![\w-]|\.\w)((?:/[\w.-]+)*(?::[\w.-]+)?)", re.ASCII
)
_ADDRESS = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\w)")
_URL = re.compile(rf"([A-Za-z][A-Za-z0-9+.-]*)://(?:[^\s/@]*@)?(\[[0-9A-Fa-f:]+\]|(?:{_LABEL}\.?)*)")
# Neither names a host: the socket of a program on the same machine, and a Node's providerID.
_NO_HOSTS = {"unix", "aws"}
# API groups, labels and annotations; and names of CSI drivers.
_GROUPS = re.compile(r"(?:.+\.)?(?:(?:k8s|kubernetes|cilium|prometheus|holdfast)\.io|csi\.aws\.com)")
_IN_THE_VPC = re.compile(r"localhost|[^.]*|(?:.+\.)?(?:internal|svc|local)")
# Endpoint service -> how the names of its hosts begin, where that is not its own name.
_HOSTS = {"ecr.api": "api.ecr", "ecr.dkr": "dkr.ecr"}
_COMMENT = re.compile(r"\s*[#;]|\s*Documentation=")
# Which images the kubelet asks a credential provider about: patterns for the names that pods bring.
_PATTERNS = "matchImages"


class Kind(Enum):
    """How a text is read."""

    PYTHON = "Python"
    LINES = "lines, with comments from # or ;"
    JSON = "JSON"


@dataclass(frozen=True)
class Read:
    """A text that is on a node, and where it comes from."""

    where: str
    kind: Kind
    text: str


def outside(read: Read) -> list[str]:
    """The names of the text that nothing in the VPC answers, each once, in their order; with its line in Python."""
    return list(dict.fromkeys(found for each in _READERS[read.kind](read.text) for found in each))


def _python(text: str) -> Iterator[Iterator[str]]:
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield _names(
                "".join(str(each.value) if isinstance(each, ast.Constant) else DYNAMIC for each in node.values)
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | parts:
            yield _names(node.value)
        elif isinstance(node, ast.Call) and _is_client(node):
            yield _unreached(ast.literal_eval(node.args[0]))


def _is_client(call: ast.Call) -> bool:
    """Whether it makes a client of an AWS service that is named."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    first = call.args[0] if call.args else None
    return name == "client" and isinstance(first, ast.Constant) and isinstance(first.value, str)


def _lines(text: str) -> Iterator[Iterator[str]]:
    return (_names(line) for line in text.splitlines() if not _COMMENT.match(line))


def _json(text: str) -> Iterator[Iterator[str]]:
    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield key
                if key != _PATTERNS:
                    yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)
        elif isinstance(value, str):
            yield value

    return (_names(each) for each in walk(json.loads(text)))


_READERS: dict[Kind, Callable[[str], Iterator[Iterator[str]]]] = {
    Kind.PYTHON: _python,
    Kind.LINES: _lines,
    Kind.JSON: _json,
}


def _names(text: str) -> Iterator[str]:
    for scheme, host in _URL.findall(text):
        if scheme not in _NO_HOSTS and not _answered(host.strip("[]")):
            yield host
    for name, rest in _NAME.findall(_URL.sub(" ", text)):
        if not (f"{name}{rest}" in _images() or _is_group(name) or _answered(name)):
            yield name
    for address in _ADDRESS.findall(text):
        if not _answered(address):
            yield address


def _unreached(service: str) -> Iterator[str]:
    if service not in _services():
        yield f"{service}.amazonaws.com"


def _answered(host: str) -> bool:
    """Whether something in the VPC has the name, or what is put into it decides."""
    try:
        address = ip_address(host)
    except ValueError:
        return bool(host.endswith((DYNAMIC, "}")) or _IN_THE_VPC.fullmatch(host) or _has_endpoint(host))
    return not address.is_global or address in ip_network("100.64.0.0/10")


def _has_endpoint(host: str) -> bool:
    """Whether it is a host of a service that the network layer makes an endpoint for, or the domain of all."""
    for suffix in URL_SUFFIXES.values():
        if host == suffix:
            return True
        if host.endswith(f".{suffix}"):
            rest = f".{host.removesuffix(suffix)}"
            return any(f".{_HOSTS.get(service, service)}." in rest for service in _services())
    return False


def _is_group(name: str) -> bool:
    return name not in _publishers() and _GROUPS.fullmatch(name) is not None


@cache
def _services() -> frozenset[str]:
    """The endpoints that every cluster has."""
    return frozenset({*interface_services(ClusterConfig()), *GATEWAY_SERVICES})


@cache
def _made_of() -> artefacts.Artefacts:
    return artefacts.every(versions.read())


@cache
def _images() -> frozenset[str]:
    """The container images that the machine image holds, with their tags."""
    return frozenset(each.label for each in _made_of().images)


@cache
def _publishers() -> frozenset[str]:
    """The hosts from which the machine image is made."""
    files = {str(urlsplit(url).hostname) for each in _made_of().files for url in (each.source, each.checksums)}
    return frozenset(files | {each.repository.partition("/")[0] for each in _made_of().images})
