"""All components of an image, in the order in which a recipe names them."""

from __future__ import annotations

from collections.abc import Callable

from imagebuilder.components import base, kubernetes, node
from imagebuilder.components.document import Component
from imagebuilder.components.plan import EC2, Machine, Plan
from imagebuilder.versions import Release, Versions

_ORDER: tuple[Callable[[Plan], Component], ...] = (
    base.packages,
    base.sources,
    base.base,
    kubernetes.containerd,
    kubernetes.programs,
    kubernetes.provider,
    kubernetes.images,
    kubernetes.manifests,
    node.libraries,
    node.program,
    node.sbom,
    node.cleanup,
)


def documents(known: Versions, release: Release, machine: Machine = EC2) -> dict[str, Component]:
    """The components of an image of a release, by name, in their order.

    Where a checksum is not locked the document says so to the script that needs it, which fails then: whoever builds an
    image looks first (`artefacts.of(known, release).check_locked()`).
    """
    made = [each(Plan(known, release, machine)) for each in _ORDER]
    return {each.name: each for each in made}
