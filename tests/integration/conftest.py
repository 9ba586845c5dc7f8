"""A local AWS for each module of tests, and templates generated once for each example."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.integration.harness import REPOSITORY, LocalAwsHarness, Processes

HERE = Path(__file__).parent
Generated = Callable[[str], tuple[Path, Path]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder talks to the local AWS."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    """Takes an example's name; gives its configuration, and its root template with the function's zip in place."""
    base = tmp_path_factory.mktemp("generated")
    bundle = base / "reconcile.zip"
    _python("functions.package", "--out", str(bundle))

    def generate(example: str) -> tuple[Path, Path]:
        config, folder = REPOSITORY / "examples" / f"{example}.yaml", base / example
        _python("generator", "--config", str(config), "--out", str(folder / "templates"))
        # Where lifecycle.json says that the code is, seen from the folder of the templates.
        (folder / "build").mkdir()
        shutil.copy(bundle, folder / "build" / "reconcile.zip")
        return config, folder / "templates" / "root.json"

    return cache(generate)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """The programs of a module's tests."""
    running = Processes(tmp_path_factory.mktemp("logs"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def endpoint(request: pytest.FixtureRequest, processes: Processes) -> Iterator[str]:
    """A local AWS, at the module's SPEED, with its OPTIONS. The roles have to be allowed all that they did in it."""
    started = processes.start_aws(request.module.SPEED, *getattr(request.module, "OPTIONS", ()))
    yield started
    with urllib.request.urlopen(f"{started}/_iam/report") as answer:
        denied = json.load(answer)["denied"]
    iam = LocalAwsHarness(processes, started, "us-east-1").client("iam")
    # An invocation may outlive its function's stack, and loses its role's policies on the way.
    present = {role["Arn"] for role in iam.list_roles()["Roles"]}
    assert not [each for each in denied if each["identity"] in present]


@pytest.fixture(scope="module")
def harness(processes: Processes, endpoint: str) -> LocalAwsHarness:
    """The module's local AWS in us-east-1."""
    return LocalAwsHarness(processes, endpoint, "us-east-1")


def _python(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", *arguments], cwd=REPOSITORY, check=True, capture_output=True)
