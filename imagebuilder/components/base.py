"""The component that hardens the base: kernel settings and modules, the clock, instance metadata, shells."""

from __future__ import annotations

from collections.abc import Sequence

from imagebuilder import places
from imagebuilder.components import document
from imagebuilder.components.document import Component, Step
from imagebuilder.versions import Release

STEPS = ("kernel", "metadata", "sessions")
"""Of `imagebuilder.configure`."""


def component(release: Release, python: str, flags: Sequence[str]) -> Component:
    """Writes the configuration, and looks at what is in force on an instance of the image."""
    values = {
        "STEPS": " ".join(STEPS),
        "FLAGS": " ".join(flags),
        "SANDBOX_IMAGE": f"registry.k8s.io/pause:{release.pause}",
        "PYTHON": python,
        "SOURCES": places.SOURCE_FOLDER,
    }
    return document.component(
        "base", "Kernel, clock and instance metadata", {"build": [Step("configure", "configure", values)]}
    )
