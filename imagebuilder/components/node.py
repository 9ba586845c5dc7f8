"""The components that make an image a node's, and those that finish it: node program, SBOM, clean-up."""

from __future__ import annotations

from imagebuilder import places
from imagebuilder.components import document, plan
from imagebuilder.components.document import Component, Step
from imagebuilder.components.plan import Plan


def libraries(made: Plan) -> Component:
    """The node program's Python libraries, of the versions and hashes that are locked."""
    values = {"PYTHON": made.machine.python, "SOURCES": places.SOURCE_FOLDER}
    checked = {"INTERPRETER": made.machine.interpreter, "LIBRARY_FOLDER": places.LIBRARY_FOLDER}
    return document.component(
        "libraries",
        "The node program's Python libraries",
        {
            "build": [Step("install", "libraries", values, timeout_seconds=600)],
            "validate": [Step("found", "libraries-check", checked)],
            "test": [Step("found", "libraries-check", checked)],
        },
    )


def program(made: Plan) -> Component:
    """The node program and its units."""
    interpreter = {"INTERPRETER": made.machine.interpreter}
    values = {"PYTHON": made.machine.python, "SOURCES": places.SOURCE_FOLDER, **interpreter}
    checked = {"NODE_PROGRAM": places.NODE_PROGRAM, "LIBRARY_FOLDER": places.LIBRARY_FOLDER, **interpreter}
    return document.component(
        "node-program",
        "The node program and its units",
        {
            "build": [
                Step("install", "node-program", values),
                Step("configure", "configure", made.configure("node")),
            ],
            "validate": [Step("starts", "node-program-check", checked)],
            "test": [Step("starts", "node-program-check", checked)],
        },
    )


def sbom(made: Plan) -> Component:
    """What is in the image, listed by syft, which is not in it."""
    values = {"SBOM": places.SBOM, "SOURCES": places.SOURCE_FOLDER, **made.files("syft")}
    checked = {"SBOM": places.SBOM, "PYTHON": made.machine.interpreter}
    return document.component(
        "sbom",
        "Software bill of materials",
        {
            "build": [Step("write", "sbom", values, plan.FILES, libraries=("fetch",), timeout_seconds=1200)],
            "validate": [Step("lists", "sbom-check", checked)],
            "test": [Step("lists", "sbom-check", checked)],
        },
    )


def cleanup(_: Plan) -> Component:
    """Removes what was there for the build, and what instances must not share."""
    values = {"SOURCES": places.SOURCE_FOLDER}
    return document.component(
        "cleanup",
        "Removes what instances must not share",
        {
            "build": [Step("remove", "cleanup", values)],
            "validate": [Step("nothing-left", "cleanup-check", values)],
        },
    )
