"""The few lines that every node starts with: write what the node cannot find out by itself, start the boot unit.

User data stays data: EC2 allows 16,384 bytes, ours are some hundreds, and everything else is in the image or in SSM.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from troposphere import Base64, Sub

from coordination.names import BOOT_UNIT, NODE_FILE, SESSION_AGENT_UNIT, SESSIONS_FILE, NodeField

# A limit of ours, far below EC2's, so that nobody starts to put code here.
MAX_USER_DATA_BYTES = 4096

_SCRIPT = """\
#!/bin/bash
set -euo pipefail
install -d -m 0700 {directory}
cat >{file} <<'NODE'
{content}
NODE
chmod 0644 {file}
{start}"""
_START = f"exec systemctl start --no-block {BOOT_UNIT}\n"
# The image's unit starts with the machine where there is this file. In that order: a node needs no shell to boot.
_START_WITH_SESSIONS = f"""\
: >{SESSIONS_FILE}
systemctl start --no-block {BOOT_UNIT}
exec systemctl start --no-block {SESSION_AGENT_UNIT}
"""


def user_data(facts: Mapping[NodeField, str], *, sessions: bool) -> Base64:
    """The user data of a node whose node.json holds `facts`; a fact may name a parameter of its template as `${Name}`.
    With `sessions` the agent of Session Manager runs on the node.

    What CloudFormation puts in (ids, names, paths) are tokens that need no quoting in JSON or in the heredoc.
    """
    content = json.dumps(facts, indent=2)
    start = _START_WITH_SESSIONS if sessions else _START
    script = _SCRIPT.format(directory=NODE_FILE.rpartition("/")[0], file=NODE_FILE, content=content, start=start)
    return Base64(Sub(script))
