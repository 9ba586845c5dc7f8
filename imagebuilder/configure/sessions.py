"""The agent of Session Manager: in every image, and running only on nodes of clusters that have `access.ssm`.

Amazon Linux 2023 brings the package, enabled. The condition holds whoever starts the unit, and whoever can make the
file is root already.
"""

from __future__ import annotations

import json

from imagebuilder.configure.tree import Entry, File, Link
from imagebuilder.places import SESSION_AGENT_FILE, SESSION_AGENT_UNIT, SESSIONS_FILE, UNIT_FOLDER

# README of amazon-ssm-agent, "Config Property Definitions". Region and endpoints stay empty: the agent finds its region
# by the metadata, and endpoints by names that the VPC answers.
_SETTINGS = {
    # Another version comes with another image: nodes have no way to where new ones are.
    "Agent": {"SelfUpdate": False, "TelemetryMetricsToCloudWatch": False, "TelemetryMetricsToSSM": False},
    # Of EC2 alone: an activation would register the machine as one of somebody else's.
    "Identity": {"ConsumptionOrder": ["EC2"]},
    # What goes to CloudWatch Logs stays on the disk no longer than it takes.
    "Ssm": {"PluginLocalOutputCleanup": "after-upload"},
    # No copy of the role's credentials in /root/.aws: programs that run here have the metadata.
    "Profile": {"ShareCreds": False},
}
# Not of the boot program: a node that does not boot is what one wants to look at.
_CONDITION = f"""\
[Unit]
ConditionPathExists={SESSIONS_FILE}
"""


def entries() -> dict[str, Entry]:
    """Its settings, the condition, and that it starts with the machine, whatever the package has enabled."""
    return {
        SESSION_AGENT_FILE: File(json.dumps(_SETTINGS, indent=2) + "\n"),
        f"{UNIT_FOLDER}/{SESSION_AGENT_UNIT}.d/holdfast.conf": File(_CONDITION),
        f"{UNIT_FOLDER}/multi-user.target.wants/{SESSION_AGENT_UNIT}": Link(
            f"/usr/lib/systemd/system/{SESSION_AGENT_UNIT}"
        ),
    }
