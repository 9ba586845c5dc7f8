"""Runs on a control plane of a test and makes the autoscaler's calls, with the credentials that the agent hands it.

Prints JSON. The played autoscaler lies beside it, in the folder that is its third argument.
"""

from __future__ import annotations

import sys

sys.path.insert(0, "/opt/holdfast/lib")
sys.path.insert(0, sys.argv[3])

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from tests.played_autoscaler import PlayedAutoscaler
from userdata.addons.places import AUTOSCALER
from userdata.config import node_file


def main(verb: str, told: dict[str, Any]) -> object:
    """Do what is asked for as the autoscaler does, and tell of the groups as they are then; `look` is its start."""
    os.environ |= {
        "AWS_DEFAULT_REGION": node_file.read(Path("/")).region,
        "AWS_SHARED_CREDENTIALS_FILE": AUTOSCALER.file,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    # Its SDK waits for longer than a node's own calls do, and so does this client: all types are one large answer.
    made: Any = boto3.client
    played = PlayedAutoscaler(cache(made), told["tags"])
    if verb == "look":
        played.start()
    else:
        played.refresh()
    if verb == "increase":
        played.increase(told["group"], told["delta"])
    if verb == "delete":
        played.delete(told["group"], told["provider_ids"])
    return {
        name: {
            "desired": group.desired,
            "provider_ids": group.provider_ids,
            "labels": dict(played.template(name).labels) if verb == "look" else {},
        }
        for name, group in played.refresh().items()
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
