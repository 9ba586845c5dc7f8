"""What AWS's error codes mean for a node, where botocore got no answer the names of its exceptions."""

from __future__ import annotations

from collections.abc import Mapping

from userdata.faults.fault import Fault

NO_TABLE = Fault(True, "the cluster's table does not exist", "Restore the table, or deploy the cluster anew.")

_KEY = Fault(
    True,
    "the cluster's key cannot be used ({0}), so secrets can neither be read nor stored",
    "Enable the key, or cancel its deletion.",
)
_FULL = Fault(True, "SSM takes no further parameter ({0})", "Delete parameters, or raise the account's limit.")
_DENIED = Fault(
    False,
    "AWS denies a call ({0}); of a new role that may be so for a minute",
    "Compare the role's policies, the key's policy and the VPC endpoint's policy with the generated ones.",
)
_THROTTLED = Fault(False, "AWS throttles calls ({0})", "If it lasts, raise the account's limit.")
_CREDENTIALS = Fault(
    False,
    "the instance has no valid credentials at this moment ({0})",
    "Look at the instance profile, and at whether the metadata service answers.",
)
_UNREACHABLE = Fault(
    False,
    "a service of AWS cannot be reached ({0})",
    "Check the VPC endpoint of the service, its security group and its private DNS name.",
)
_FAILED = Fault(False, "a service of AWS failed ({0})", "Look at the AWS Health Dashboard.")
_NO_PARAMETER = Fault(
    False,
    "a parameter in SSM is not there, or not there yet",
    "Look at the stacks services and controlplane, and at the join data below the cluster's prefix.",
)

FAULTS: Mapping[str, Fault] = {
    code: fault
    for fault, codes in (
        # NotFoundException is KMS's alone: whatever else is missing has a code that names it.
        (_KEY, ("DisabledException", "KMSInvalidStateException", "InvalidKeyId", "NotFoundException")),
        (_FULL, ("ParameterMaxVersionLimitExceeded", "ParameterLimitExceeded")),
        (_DENIED, ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess")),
        (
            _THROTTLED,
            (
                "Throttling",
                "ThrottlingError",
                "ThrottlingException",
                "RequestLimitExceeded",
                "RequestThrottled",
                "RequestThrottledException",
                "TooManyRequestsException",
                "ProvisionedThroughputExceeded",
                "ProvisionedThroughputExceededException",
                "SlowDown",
            ),
        ),
        (
            _CREDENTIALS,
            (
                "ExpiredToken",
                "ExpiredTokenException",
                "NoCredentialsError",
                "CredentialRetrievalError",
                "MetadataRetrievalError",
            ),
        ),
        (
            _UNREACHABLE,
            (
                "EndpointConnectionError",
                "ConnectTimeoutError",
                "ReadTimeoutError",
                "ConnectionClosedError",
                "ProxyConnectionError",
            ),
        ),
        (
            _FAILED,
            (
                "InternalServerError",
                "InternalFailure",
                "InternalError",
                "ServiceUnavailable",
                "ServiceUnavailableException",
                "ServerException",
            ),
        ),
        (_NO_PARAMETER, ("ParameterNotFound",)),
    )
    for code in codes
}
"""By code; `{0}` in a reason stands for the code."""


def of_aws(code: str) -> Fault | None:
    """The fault that a code stands for; None where nobody has sorted it."""
    fault = FAULTS.get(code)
    return fault and Fault(fault.permanent, fault.reason.format(code), fault.next_step)
