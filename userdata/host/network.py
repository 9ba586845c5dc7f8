"""What a connection's failure is called: a code, as AWS has codes for what it answers."""

from __future__ import annotations

import errno
import ssl

UNTRUSTED = "CertificateUntrusted"
"""The other side's certificate leads to no authority that is trusted here."""
NOT_VALID_NOW = "CertificateNotValidNow"
"""The other side's certificate has ended, or has not begun."""

# https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/#error-codes
_BY_VERIFICATION = {
    2: UNTRUSTED,
    7: UNTRUSTED,
    9: NOT_VALID_NOW,
    10: NOT_VALID_NOW,
    18: UNTRUSTED,
    19: UNTRUSTED,
    20: UNTRUSTED,
    21: UNTRUSTED,
}


def code(error: Exception) -> str:
    """The exception's name; of a certificate what is wrong with it, and of a bare OSError its errno's name."""
    if isinstance(error, ssl.SSLCertVerificationError):
        # The type's description leaves out that it may have been made without one.
        return _BY_VERIFICATION.get(getattr(error, "verify_code", 0), type(error).__name__)
    if type(error) is OSError and error.errno is not None:
        return errno.errorcode.get(error.errno, type(error).__name__)
    return type(error).__name__
