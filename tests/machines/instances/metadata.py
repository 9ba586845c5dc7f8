"""The part of the metadata service that a boot needs, so that instances are tested by themselves."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rehearsal.aws.server import LocalAws
from rehearsal.machines.inventory import machine_at
from rehearsal.machines.network import namespaces
from rehearsal.machines.network.fabric import Fabric

TOKEN = "a-token"


def serve(aws: LocalAws, fabric: Fabric, vpc_id: str) -> None:
    """Answer in a VPC's router until the process ends; the socket goes with the namespace."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self._answer(TOKEN.encode())

        def do_GET(self) -> None:
            machine = machine_at(aws, vpc_id, self.client_address[0])
            if machine is None or self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
                self.send_error(401)
            elif self.path == "/latest/meta-data/instance-id":
                self._answer(machine.instance_id.encode())
            elif self.path == "/latest/user-data" and machine.user_data:
                self._answer(machine.user_data)
            else:
                self.send_error(404)

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("169.254.169.254", 80), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = namespaces.listen(fabric.router(vpc_id), "169.254.169.254", 80)
    server.server_activate()
    threading.Thread(target=server.serve_forever, daemon=True).start()
