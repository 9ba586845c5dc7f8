"""Which EC2 device name an NVMe device stands for: EBS says it in the identification of its controllers.

On Nitro every EBS volume is an NVMe device, numbered in the order in which devices answer. The name of the block device
mapping is in the vendor's part of the identification, as amazon-ec2-utils' ebsnvme-id reads it (EBS guide, "Map Amazon
EBS volumes to NVMe device names"): of the namespace in newer ones, else of the controller.
"""

from __future__ import annotations

import array
import fcntl
import os
import struct
from pathlib import Path

_ADMIN_COMMAND = 0xC0484E41
"""NVME_IOCTL_ADMIN_CMD (linux/nvme_ioctl.h)."""
_COMMAND = struct.Struct("<BBHIIIQQII6III")
"""nvme_admin_cmd of the same file."""
_IDENTIFY = 0x06
_NAMESPACE, _CONTROLLER = 0, 1
"""What is to be identified (NVMe base specification, Identify, CNS)."""
PAGE_BYTES = 4096
VENDOR_OF_NAMESPACE, VENDOR_OF_CONTROLLER = 384, 3072
"""Where the vendor's part of each page begins, in bytes (the same, Identify data structures)."""
_NAME_BYTES = 32
_TIMEOUT_MS = 10_000


def device_name(node: Path) -> str:
    """The name that an EBS volume was attached by, such as `/dev/sdb` or `sdb`; empty where it says none. OSError."""
    # As 1 in nvme2n1.
    number = node.name.rpartition("n")[2]
    descriptor = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pages = (
            (_identify(descriptor, int(number) if number.isdecimal() else 1, _NAMESPACE), VENDOR_OF_NAMESPACE),
            (_identify(descriptor, 0, _CONTROLLER), VENDOR_OF_CONTROLLER),
        )
    finally:
        os.close(descriptor)
    return next((name for page, at in pages if (name := name_in(page, at))), "")


def name_in(page: bytes, at: int) -> str:
    """The name in the vendor's part of an identification; it is filled up with blanks or zeros."""
    return page[at : at + _NAME_BYTES].partition(b"\0")[0].decode("ascii", "replace").strip()


def _identify(descriptor: int, namespace: int, what: int) -> bytes:
    page = array.array("B", bytes(PAGE_BYTES))
    address, _ = page.buffer_info()
    commanded = (what, 0, 0, 0, 0, 0)
    fields = (_IDENTIFY, 0, 0, namespace, 0, 0, 0, address, 0, PAGE_BYTES, *commanded, _TIMEOUT_MS, 0)
    fcntl.ioctl(descriptor, _ADMIN_COMMAND, bytearray(_COMMAND.pack(*fields)))
    return page.tobytes()
