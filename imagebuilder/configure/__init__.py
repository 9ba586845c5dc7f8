"""The configure steps of a machine image: they write files below a root that can be moved, and do nothing else.

They run in the image pipeline on Amazon Linux 2023, and in the rehearsal for the layer that its machines have over the
computer's own files. What needs a package manager, a running system or a network is not here.
"""

from imagebuilder.configure.settings import CgroupDriver, Settings
from imagebuilder.configure.steps import STEPS, entries
from imagebuilder.configure.tree import Entry, File, Folder, Link, write

__all__ = ["STEPS", "CgroupDriver", "Entry", "File", "Folder", "Link", "Settings", "entries", "write"]
