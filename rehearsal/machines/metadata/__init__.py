"""The metadata service of instances at 169.254.169.254, version 2 (EC2 user guide, "Instance metadata")."""

from rehearsal.machines.metadata.service import Metadata

__all__ = ["Metadata"]
