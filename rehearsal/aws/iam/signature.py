"""Whether a request was signed with a secret key: the signature is computed again over what arrived (SigV4)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from werkzeug.wrappers import Request

from rehearsal.aws.server import HOST_KEY

_SIGNED = re.compile(r"SignedHeaders=([^,\s]+)")
_SIGNATURE = re.compile(r"Signature=([0-9a-f]+)")
_HASH = re.compile(r"[0-9a-f]{64}")


def is_valid(request: Request, service: str, region: str, access_key_id: str, secret: str) -> bool:
    """Whether signature, signed headers and body belong together."""
    authorization = request.headers.get("Authorization", "")
    signed, signature = _SIGNED.search(authorization), _SIGNATURE.search(authorization)
    if signed is None or signature is None:
        return False
    headers = _headers(request, signed[1].split(";"))
    body = request.get_data(cache=True)
    stated = headers.get("x-amz-content-sha256", "")
    if _HASH.fullmatch(stated) and stated != hashlib.sha256(body).hexdigest():
        return False
    target = request.environ.get("RAW_URI") or request.full_path
    copied = AWSRequest(method=request.method, url=f"http://{headers.get('host', '')}{target}", data=body)
    for name, value in headers.items():
        copied.headers[name] = value
    copied.context["timestamp"] = request.headers.get("X-Amz-Date", "")
    # S3 signs the path as it is sent, all others sign it encoded once more.
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(Credentials(access_key_id, secret), service, region)
    text = signer.string_to_sign(copied, signer.canonical_request(copied))
    return hmac.compare_digest(signer.signature(text, copied), signature[1])


def _headers(request: Request, names: list[str]) -> Mapping[str, str]:
    headers = {name: request.headers.get(name, "") for name in names}
    if HOST_KEY in request.environ:
        headers["host"] = str(request.environ[HOST_KEY])
    return headers
