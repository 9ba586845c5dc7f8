"""Requests to delete the cluster which CloudFormation did not send, and whoever sends them waiting for answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.e2e.harness import ClusterHarness
from tests.e2e.replacing import reconcile_function
from tests.forged_deletion import forged_deletion


@contextmanager
def foreign_address() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address that is not CloudFormation's, and what comes there."""
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/answer", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def forge(cluster: ClusterHarness, cluster_id: str, url: str, **changes: str) -> dict[str, Any]:
    """Call the function as CloudFormation does when `Teardown` is deleted; what the call returns."""
    request = forged_deletion(cluster_id, url, **changes)
    client = cluster.rehearsal.local.client("lambda")
    answer = client.invoke(FunctionName=reconcile_function(cluster), Payload=json.dumps(request).encode())
    returned: dict[str, Any] = json.loads(answer["Payload"].read())
    return returned
