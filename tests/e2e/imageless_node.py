#!/usr/bin/python3 -I
"""The node program of an image that was made without the container image of etcd: its boots fail at kubeadm's check."""

from __future__ import annotations

import subprocess
import sys

sys.path.insert(0, "/opt/holdfast/lib")

from userdata.program import main

_IMAGES = ["ctr", "--namespace", "k8s.io", "images"]


def take_away(name: str) -> None:
    """Remove the images whose names end with such a part and a tag."""
    subprocess.run(["systemctl", "start", "containerd.service"], check=True)
    listed = subprocess.run([*_IMAGES, "list", "--quiet"], capture_output=True, text=True, check=True).stdout.split()
    for each in listed:
        if f"/{name}:" in each:
            subprocess.run([*_IMAGES, "remove", "--sync", each], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["boot"]:
        take_away("etcd")
    sys.exit(main(sys.argv[1:]))
