"""A client of etcd that puts one numbered key after the other, inside an instance: `etcd_writer.py ADDRESS…`.

For each acknowledgement it prints the moment, in seconds of this computer's monotonic clock. A member that does not
answer within ANSWER_SECONDS is left for the next address, and the same number is put again. It stands on the standard
library alone, for it runs where nothing of the tests is.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import sys
import time
from itertools import count, cycle

PKI = "/etc/kubernetes/pki/etcd"
PORT = 2379
EVERY_SECONDS = 0.02
ANSWER_SECONDS = 0.25
"""Long for an etcd that leads, and short beside an election, so that a gap is told this exactly."""


def main(addresses: list[str]) -> None:
    """Write until it is ended."""
    trust = ssl.create_default_context(cafile=f"{PKI}/ca.crt")
    trust.load_cert_chain(f"{PKI}/healthcheck-client.crt", f"{PKI}/healthcheck-client.key")
    others = cycle(addresses)
    connection: http.client.HTTPSConnection | None = None
    for number in count():
        stored = False
        while not stored:
            time.sleep(EVERY_SECONDS)
            if connection is None:
                connection = http.client.HTTPSConnection(next(others), PORT, timeout=ANSWER_SECONDS, context=trust)
            stored = _put(connection, number)
            if not stored:
                connection.close()
                connection = None
        print(f"{time.monotonic():.4f}", flush=True)


def _put(connection: http.client.HTTPSConnection, number: int) -> bool:
    key = base64.b64encode(b"bench").decode()
    value = base64.b64encode(str(number).encode()).decode()
    try:
        connection.request("POST", "/v3/kv/put", json.dumps({"key": key, "value": value}))
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return False
    return answer.status == http.client.OK


if __name__ == "__main__":
    main(sys.argv[1:])
