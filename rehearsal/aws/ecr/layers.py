"""S3 as ECR's registry uses it: layers come from a bucket of ECR's own, by URLs that ECR signs.

The ECR user guide, "Amazon ECR interface VPC endpoints", says that layers are in S3, and names the bucket. The
principal is ECR, whose signature it is. So the policy of a gateway endpoint has to let through what nobody of the
caller's own account asks for.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from werkzeug.wrappers import Request, Response

from rehearsal.aws.ecr.api import ecr_of
from rehearsal.aws.iam.caller import Caller, Endpoint, network_values
from rehearsal.aws.iam.context import UnknownKey
from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.iam.evaluation import RolePrincipal
from rehearsal.aws.iam.policy import PolicyError
from rehearsal.aws.iam.requests.asked import Need
from rehearsal.aws.protocol import partition_of, url_suffix_of

if TYPE_CHECKING:
    from rehearsal.aws.server import Call, LocalAws

URL_SECONDS = 3600
"""How long a signed URL is good."""
ECR_ACCOUNT = "999999999999"
"""Stands for the account of ECR, which AWS does not publish."""
TWO_WAYS = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "
    "the Authorization header should be specified"
)
"""What S3 says to a client that sends the registry's token along."""
_TIME = "%Y%m%dT%H%M%SZ"
_ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>'


def bucket(region: str) -> str:
    """The bucket of a region's layers."""
    return f"prod-{region}-starport-layer-bucket"


def bucket_host(region: str) -> str:
    """The host of the bucket."""
    return f"{bucket(region)}.s3.{region}.{url_suffix_of(partition_of(region))}"


class LayerBucket:
    """The bucket of every region, as far as signed URLs lead into it."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._secret = secrets.token_bytes(32)

    def url(self, region: str, repository: str, digest: str) -> str:
        """A URL under which a layer can be had for an hour of the local AWS's clock."""
        path = f"/{repository}/{digest.removeprefix('sha256:')}"
        signed_at = self._aws.clock.now().strftime(_TIME)
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Date": signed_at,
            "X-Amz-SignedHeaders": "host",
            "X-Amz-Expires": str(URL_SECONDS),
            "X-Amz-Signature": self._signature(region, path, signed_at),
        }
        return f"https://{bucket_host(region)}{path}?{urlencode(query)}"

    def answer(self, call: Call, endpoint: Endpoint | None) -> Response:
        """What the bucket says to whoever followed a URL through a gateway endpoint, or from outside (None)."""
        request, region = call.request, call.region
        if request.host.partition(":")[0] != bucket_host(region) or request.method not in ("GET", "HEAD"):
            return _error(501, "NotImplemented", "The local AWS serves only layers of images here")
        refusal = self._refusal(request, region)
        if refusal is None and endpoint is not None:
            refusal = self._refused_by_endpoint(call, endpoint)
        if refusal is not None:
            return refusal
        repository, _, digest = request.path.lstrip("/").rpartition("/")
        with self._aws.lock:
            held = ecr_of(self._aws).in_region(region).repositories.get(repository)
            blob = held.blobs.get(f"sha256:{digest}") if held is not None else None
        if blob is None:
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        answer = Response(blob, mimetype="application/octet-stream")
        answer.make_conditional(request.environ, accept_ranges=True, complete_length=len(blob))
        return answer

    def _refusal(self, request: Request, region: str) -> Response | None:
        if "Authorization" in request.headers:
            return _error(400, "InvalidArgument", TWO_WAYS)
        given, signed_at = request.args.get("X-Amz-Signature", ""), request.args.get("X-Amz-Date", "")
        if not hmac.compare_digest(given, self._signature(region, request.path, signed_at)):
            return _error(403, "AccessDenied", "Access Denied")
        until = datetime.strptime(signed_at, _TIME).replace(tzinfo=UTC) + timedelta(seconds=URL_SECONDS)
        # S3 user guide, "Sharing objects with presigned URLs".
        return _error(403, "AccessDenied", "Request has expired") if until <= self._aws.clock.now() else None

    def _refused_by_endpoint(self, call: Call, endpoint: Endpoint) -> Response | None:
        partition = partition_of(call.region)
        role = f"arn:{partition}:iam::{ECR_ACCOUNT}:role/ecr"
        principal = RolePrincipal(ECR_ACCOUNT, role, f"arn:{partition}:sts::{ECR_ACCOUNT}:assumed-role/ecr/layers")
        values = {"aws:PrincipalAccount": ECR_ACCOUNT, "aws:PrincipalArn": role, "aws:SecureTransport": "true"}
        who = Caller(principal, call.region, values, network_values(call, endpoint))
        need = Need("s3:GetObject", f"arn:{partition}:s3:::{bucket(call.region)}{call.request.path}")
        try:
            decision = enforcement_of(self._aws).judge.endpoint_lets_through(endpoint, who, need)
        except (UnknownKey, PolicyError) as error:
            return _error(501, "NotImplemented", str(error))
        return None if decision.allowed else _error(403, "AccessDenied", "Access Denied")

    def _signature(self, region: str, path: str, signed_at: str) -> str:
        return hmac.new(self._secret, f"{region}\n{path}\n{signed_at}".encode(), hashlib.sha256).hexdigest()


def _error(status: int, code: str, message: str) -> Response:
    return Response(_ERROR.format(code, message), status=status, mimetype="application/xml")
