"""The agent of Session Manager: in every image, and running on no node but those of clusters that have `access.ssm`.

Amazon Linux 2023 brings the package, enabled. Image Builder tests an image on an instance of it, and waits for the
agent there, by which it runs the tests (user guide, "Step actions", LaunchInstance with `waitFor: ssmAgent`). Which of
them a machine is says its user data, which is there long before the agent starts. The condition holds whoever starts
the unit, and whoever can make the file is root already.
"""

from __future__ import annotations

import json

from imagebuilder.configure.tree import Entry, File, Link
from imagebuilder.places import (
    NODE_FILE,
    SESSION_AGENT_FILE,
    SESSION_AGENT_UNIT,
    SESSIONS_FILE,
    UNIT_FOLDER,
    USER_DATA_FILE,
)

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
# A node's user data writes NODE_FILE, and nobody else's does; in a node's first boot it has not done so yet when the
# agent would start. Where there is no user data grep finds nothing either.
_CONDITION = f"""\
[Unit]
After=cloud-init.service

[Service]
ExecCondition=/bin/sh -c 'test -e {SESSIONS_FILE} || ! grep -qsF {NODE_FILE} {USER_DATA_FILE}'
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
