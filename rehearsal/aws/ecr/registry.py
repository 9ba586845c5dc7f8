"""The registry of an account: the reading half of the OCI distribution API, and what ECR puts before it.

ECR's tokens come as passwords of HTTP's Basic scheme (ECR user guide, "Private registry authentication"). Manifests
need ecr:BatchGetImage, layers ecr:GetDownloadUrlForLayer, and whether a layer is there ecr:BatchCheckLayerAvailability,
all on the repository, with the rights of whoever got the token: these three are what a pull takes (ECR user guide,
"Repository policy examples"). Texts are those that people report; where each comes from stands in docs/rehearsal.md.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from rehearsal.aws.ecr.api import ecr_of, host_of, no_repository
from rehearsal.aws.ecr.layers import LayerBucket
from rehearsal.aws.ecr.model import USER, RegistryToken, Repository
from rehearsal.aws.iam.caller import Endpoint, network_values
from rehearsal.aws.iam.context import UnknownKey
from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.iam.policy import PolicyError
from rehearsal.aws.iam.requests.asked import Need
from rehearsal.aws.iam.stored import NoSuchIdentity
from rehearsal.aws.protocol import partition_of

if TYPE_CHECKING:
    from rehearsal.aws.server import Call, LocalAws

LOG = logging.getLogger(__name__)

_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)")
EXPIRED = "Your authorization token has expired. Reauthenticate and try again."


@dataclass(frozen=True)
class _Asked:
    """What a request is about."""

    name: str
    kind: str
    """`manifests` or `blobs`."""
    reference: str
    """A tag or a digest."""

    def action(self, method: str) -> str:
        """The permission that it takes."""
        if self.kind == "manifests":
            return "ecr:BatchGetImage"
        return "ecr:BatchCheckLayerAvailability" if method == "HEAD" else "ecr:GetDownloadUrlForLayer"


class RegistryError(Exception):
    """A request that the registry answers with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.response = Response(
            json.dumps({"errors": [{"code": code, "message": message}]}), status, mimetype="application/json"
        )


class Registry:
    """The account's registry in every region."""

    def __init__(self, aws: LocalAws, layers: LayerBucket) -> None:
        self._aws = aws
        self._layers = layers

    def answer(self, call: Call, endpoint: Endpoint | None) -> Response:
        """What it says to a request that came through an interface endpoint, or from outside (None)."""
        token = self._token(call.request, call.region)
        try:
            answer = _challenge(self._host(call.region)) if token is None else self._answer(call, endpoint, token)
        except RegistryError as refused:
            answer = refused.response
        answer.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
        return answer

    def _answer(self, call: Call, endpoint: Endpoint | None, token: RegistryToken) -> Response:
        if token.expires_at <= self._aws.clock.now():
            raise RegistryError(403, "DENIED", EXPIRED)
        method, found = call.request.method, _PATH.fullmatch(call.request.path)
        if call.request.path == "/v2/":
            return Response("{}", mimetype="application/json")
        if found is None or method not in ("GET", "HEAD"):
            raise RegistryError(405, "UNSUPPORTED", f"{method} {call.request.path} is not supported by the local AWS")
        asked = _Asked(**found.groupdict())
        self._require(call, endpoint, token, asked)
        with self._aws.lock:
            repository = ecr_of(self._aws).in_region(call.region).repositories.get(asked.name)
        if repository is None:
            raise RegistryError(404, "NAME_UNKNOWN", no_repository(asked.name, self._aws.account_id))
        return _manifest(repository, asked) if asked.kind == "manifests" else self._blob(repository, asked, call)

    def _blob(self, repository: Repository, asked: _Asked, call: Call) -> Response:
        blob = repository.blobs.get(asked.reference)
        if blob is None:
            account = self._aws.account_id
            raise RegistryError(
                404,
                "BLOB_UNKNOWN",
                f"The layer with digest '{asked.reference}' does not exist within the repository with name "
                f"'{asked.name}' in the registry with id '{account}'",
            )
        if call.request.method == "HEAD":
            return Response((), headers={"Content-Length": str(len(blob))}, mimetype="application/octet-stream")
        location = self._layers.url(call.region, asked.name, asked.reference)
        return Response(status=307, headers={"Location": location})

    def _require(self, call: Call, endpoint: Endpoint | None, token: RegistryToken, asked: _Asked) -> None:
        """Ask IAM for what the request needs, as whoever got the token. Raises RegistryError."""
        if token.holder is None:
            return
        enforcement = enforcement_of(self._aws)
        # A request that is not signed with an instance's credentials says nothing of one (docs/rehearsal.md).
        holder = replace(token.holder, instance_arn=None, vpc_id=None, private_ip=None)
        partition, account = partition_of(call.region), self._aws.account_id
        need = Need(
            asked.action(call.request.method), f"arn:{partition}:ecr:{call.region}:{account}:repository/{asked.name}"
        )
        try:
            now, network = self._aws.clock.now(), network_values(call, endpoint)
            denial = enforcement.judge.judge(
                enforcement.judge.caller(holder, call.region, now, network), [need], endpoint
            )
        except NoSuchIdentity:
            raise RegistryError(403, "DENIED", "Not Authorized") from None
        except (UnknownKey, PolicyError) as error:
            raise RegistryError(501, "UNSUPPORTED", str(error)) from error
        if denial is not None:
            if denial.times == 1:
                LOG.warning("%s", denial)
            raise RegistryError(403, "DENIED", str(denial))

    def _token(self, request: Request, region: str) -> RegistryToken | None:
        """The token that a request carries; None where it carries none, or one that was never given out."""
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if scheme.lower() != "basic" or user != USER:
            return None
        with self._aws.lock:
            return ecr_of(self._aws).in_region(region).tokens.get(password)

    def _host(self, region: str) -> str:
        return host_of(self._aws.account_id, region, partition_of(region))


def _challenge(host: str) -> Response:
    challenge = f'Basic realm="https://{host}/",service="ecr.amazonaws.com"'
    return Response("Not Authorized\n", status=401, headers={"WWW-Authenticate": challenge}, mimetype="text/plain")


def _manifest(repository: Repository, asked: _Asked) -> Response:
    found = repository.find(asked.reference)
    if found is None:
        raise RegistryError(404, "MANIFEST_UNKNOWN", "Requested image not found")
    headers = {"Docker-Content-Digest": found.digest}
    return Response(found.body, headers=headers, content_type=found.media_type)
