"""The manifests of static pods, and how the kubelet is made to replace one: by an annotation. Pure."""

from __future__ import annotations


class StaticPodError(ValueError):
    """A manifest that is not of the shape that kubeadm writes."""


STAMP = "holdfast.io/certificates"
"""The annotation whose change makes the kubelet replace a static pod."""


def stamped(manifest: str, stamp: str) -> str:
    """A static pod's manifest with this stamp. Raises StaticPodError.

    The standard library reads no YAML. What kubeadm writes is always of the same shape, two spaces deep and ordered by
    name; anything else is refused rather than guessed at.
    """
    lines = manifest.split("\n")
    if lines.count("metadata:") != 1:
        raise StaticPodError("there is not exactly one line that says metadata")
    begin = lines.index("metadata:") + 1
    end = next((at for at in range(begin, len(lines)) if not lines[at].startswith("  ")), len(lines))
    if end == begin:
        raise StaticPodError("the metadata is empty")
    block = [line for line in lines[begin:end] if not line.startswith(f"    {STAMP}:")]
    line = f'    {STAMP}: "{stamp}"'
    if "  annotations:" in block:
        block.insert(block.index("  annotations:") + 1, line)
    else:
        block = ["  annotations:", line, *block]
    return "\n".join([*lines[:begin], *block, *lines[end:]])
