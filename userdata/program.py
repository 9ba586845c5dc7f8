"""The node program: `holdfast-node boot`, `agent`, `etcd-disk`, `logs` and `status`. Everything is wired here."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from userdata.boot.end import End
from userdata.config.node_file import NodeFileError
from userdata.logs.lines import StageFailed

ROOT = Path("/")

EXIT_CODES: Mapping[End, int] = {End.SERVES: 0, End.STOPPED: 0, End.FAILED: 3}
"""Of a boot. One that must not start anything has done what it should. One that failed is not started again by systemd
(RestartPreventExitStatus): in the moments until its instance ends it would only claim anew."""


def main(arguments: Sequence[str]) -> int:
    """Run one of the programs; its exit code."""
    parser = argparse.ArgumentParser(
        prog="holdfast-node",
        description="Makes this machine a node, and keeps it one.",
        epilog="exit codes: 0 done, or a boot that must not start anything; 1 failed; 2 bad input; 3 a failed boot",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("boot", help="initialise or join the cluster; started by the unit holdfast-boot")
    commands.add_parser("agent", help="keep this node and its cluster healthy; started by the unit holdfast-agent")
    commands.add_parser("etcd-disk", help="format and mount etcd's own disk; started by the unit holdfast-etcd-disk")
    commands.add_parser("logs", help="ship this node's logs; started by the unit holdfast-logs")
    status = commands.add_parser("status", help="what this node believes, on one screen")
    status.add_argument("--json", action="store_true", help="the same for programs")
    chosen = parser.parse_args(arguments)
    if os.geteuid() != 0:
        print("holdfast-node: only root may read what it needs: use sudo", file=sys.stderr)
        return 2
    try:
        # Each imports what it needs itself: `status` should answer at once.
        if chosen.command == "boot":
            from userdata.boot.wiring import boot

            return EXIT_CODES[boot(ROOT)]
        if chosen.command == "agent":
            from userdata.agent.wiring import agent

            return agent(ROOT)
        if chosen.command == "etcd-disk":
            from userdata.volume.command import etcd_disk

            return etcd_disk(ROOT)
        if chosen.command == "logs":
            from userdata.shipping.wiring import logs

            return logs(ROOT)
        from userdata.status.wiring import status as show

        return show(ROOT, as_json=chosen.json)
    except (StageFailed, NodeFileError) as error:
        print(f"holdfast-node: {error}", file=sys.stderr)
        return 1
