"""The clock: chrony asks Amazon's time service, which every instance reaches without a way out, and nobody else."""

from __future__ import annotations

from imagebuilder.configure.tree import Entry, File
from imagebuilder.places import TIME_FILE

SERVICE = "169.254.169.123"
"""EC2 guide, "Set the time reference on your EC2 instance": the local one, and its polls."""

# rtcsync: the kernel learns that its clock is synchronised, which is what the node program asks it.
_SETTINGS = f"""\
server {SERVICE} prefer iburst minpoll 4 maxpoll 4
driftfile /var/lib/chrony/drift
# Steps while the machine starts, and slews from then on.
makestep 1.0 3
rtcsync
# No commands but those of root on this machine, and no service for others.
cmdport 0
port 0
"""


def entries() -> dict[str, Entry]:
    """chronyd's file, in the place of the distribution's, which asks servers in the internet, too."""
    return {TIME_FILE: File(_SETTINGS)}
