"""What each room may import from outside, and that the contracts between the rooms hold all of them and are alive."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import grimp
import pytest

from tests.unit.project.rooms import ROOMS, ROOT

ALLOWED = {
    "coordination": {"boto3", "botocore"},
    # The AWS CLI packages nested templates as YAML, and a person's key is made where he types.
    "deployment": {"boto3", "botocore", "cryptography", "yaml"},
    "functions": {"boto3", "botocore"},
    # _typeshed is there for mypy alone.
    "generator": {"_typeshed", "awacs", "msgspec", "troposphere", "yaml"},
    "imagebuilder": set(),
    "userdata": {"boto3", "botocore"},
}
# The contract that each module of a room stands under.
CONTRACTS = {
    "coordination": "pure",
    "deployment": "rooms",
    "functions": "function",
    "generator": "no-aws",
    "imagebuilder": "image",
    "rehearsal": "rooms",
    "userdata": "node",
}
AWS = ("boto3", "botocore", "coordination.adapters")
# Module, what it imports there, and words of the contract's name that this breaks.
BREAKING = [
    ("generator.layers.iam", "generator.layers.database", "Layers never import each other"),
    ("generator.values", "generator.layer", "from the command line down to the configuration"),
    ("generator.compute", "coordination.record", "the generator on its names, nothing else does"),
    ("generator.publish", "boto3", "The generator never calls AWS"),
    ("generator.user_data", "imagebuilder.places", "Only the rehearsal makes machines of the image's own steps"),
    ("deployment.delete", "rehearsal.node_stub", "No room imports another"),
    ("rehearsal.cloud.table", "coordination.names", "the generator on its names, nothing else does"),
    ("rehearsal.machines.proxy.plan", "moto", "without the local AWS"),
    ("rehearsal.aws.iam.state", "rehearsal.aws.autoscaling.api", "reaches into no service"),
    ("imagebuilder.places", "coordination.names", "The image stands on nothing"),
    ("functions.package", "generator.values", "No room imports another"),
    # coordination
    ("coordination.fields", "userdata.host.files", "Coordination stands on no other room"),
    ("coordination.names", "coordination.outcomes", "Names stand on nothing"),
    ("coordination.record", "botocore", "is pure, but for its adapters"),
    ("coordination.new_module", "coordination.adapters.table", "is pure, but for its adapters"),
    ("coordination.report.new_module", "coordination.adapters.table", "is pure, but for its adapters"),
    # function
    ("functions.reconcile.gather", "boto3", "boto3 appears in adapters only"),
    ("functions.reconcile.gather", "boto3", "What the function is made of sees no AWS"),
    ("functions.reconcile.snapshot", "functions.reconcile.wiring", "What the function is made of sees no AWS"),
    ("functions.reconcile.decide", "functions.reconcile.gather", "What the function decides knows neither"),
    ("functions.new_package", "coordination.adapters.table", "What the function is made of sees no AWS"),
    # node
    ("userdata.boot.decide", "userdata.cloud.lifecycle", "What a node's program is made of sees no AWS"),
    ("userdata.agent.observe.members", "userdata.agent.wiring", "What a node's program is made of sees no AWS"),
    ("userdata.boot.new_module", "coordination.adapters.clients", "What a node's program is made of sees no AWS"),
    ("userdata.boot.gate", "userdata.agent.observe.members", "Boot and agent stand side by side"),
    ("userdata.pki.openssl", "userdata.etcd.model", "Boot and agent stand side by side"),
]
# No layer names these.
LOOSE = ("functions.reconcile.loose", "userdata.loose")


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*ROOMS, include_external_packages=True, cache_dir=None)


@cache
def settings() -> ConfigParser:
    found = ConfigParser()
    found.read(ROOT / "setup.cfg", encoding="utf-8")
    return found


def listed(contract: str, option: str) -> list[str]:
    return settings().get(f"importlinter:contract:{contract}", option, fallback="").split("\n")[1:]


def matching(expressions: list[str]) -> set[str]:
    """The modules that these stand for, in a contract that takes no module for a package."""
    return {
        module
        for expression in expressions
        for module in (graph().find_matching_modules(expression) if "*" in expression else {expression})
    }


def held(contract: str) -> set[str]:
    """The modules that a contract binds, its exceptions left out."""
    sources = matching([*listed(contract, "source_modules"), *listed(contract, "modules")])
    if settings().get(f"importlinter:contract:{contract}", "as_packages", fallback="") == "False":
        return sources - exceptions(contract)
    return sources.union(*map(graph().find_descendants, sources))


def exceptions(contract: str) -> set[str]:
    """The modules of which a contract ignores every import."""
    pairs = [line.partition(" -> ") for line in listed(contract, "ignore_imports")]
    return matching([importer for importer, _, imported in pairs if imported == "**"])


def in_room(room: str) -> set[str]:
    return graph().find_descendants(room)


def imported(room: Path) -> Iterator[str]:
    """The top-level names that the room's modules import, wherever in the module."""
    for path in room.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import"
                yield str(node.module).partition(".")[0]


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_the_standard_library_and_few_others(room: str) -> None:
    outside = set(imported(ROOT / room)) - sys.stdlib_module_names - set(ROOMS)
    assert outside <= ALLOWED[room]


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_of_a_room_stands_under_its_contract_or_is_a_named_exception(room: str) -> None:
    contract = CONTRACTS[room]
    adapters = {module for module in in_room(room) if f"{module}.".startswith("coordination.adapters.")}

    assert in_room(room) - adapters <= held(contract) | exceptions(contract)


@pytest.mark.parametrize("contract", ["function", "node"])
def test_an_exception_sees_aws_and_is_closed_to_all_others(contract: str) -> None:
    adapters = {module for module in graph().modules if f"{module}.".startswith(tuple(f"{name}." for name in AWS))}
    named = exceptions(contract)

    seeing = {module for module in named if graph().find_upstream_modules(module) & adapters}

    assert named == seeing | {module for module in named if graph().find_children(module)}
    assert named <= matching(listed(contract, "forbidden_modules"))


# The programs have the same rhythm, and each has its snapshot.
SAME_IN_EACH_PROGRAM = {"Snapshot"}


@pytest.mark.parametrize("room", ["coordination", "functions", "userdata"])
def test_a_class_of_a_room_has_its_name_alone(room: str) -> None:
    names = [
        node.name
        for path in (ROOT / room).rglob("*.py")
        if path.name != "ports.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert {name for name in names if names.count(name) > 1} - SAME_IN_EACH_PROGRAM == set()


def test_a_node_speaks_https_in_one_module_only() -> None:
    speaking = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "userdata").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name | ast.alias)
        and {"HTTPSConnection", "urlopen", "create_connection"}.intersection(vars(node).values())
    }
    assert speaking == {"userdata/host/https.py"}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The name of each contract that import-linter finds broken by all of these imports -> what it says of it."""
    folder = tmp_path_factory.mktemp("rooms")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", folder)
    for module, target, _ in (*BREAKING, *((module, "json", "") for module in LOOSE)):
        with (folder / module.replace(".", "/")).with_suffix(".py").open("a", encoding="utf-8") as file:
            file.write(f"\nimport {target}\n")
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": str(folder), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    parts = re.split(r"^(.+)\n-+\n", done.stdout.partition("Broken contracts\n")[2], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(("module", "target", "contract"), BREAKING)
def test_a_forbidden_import_breaks_its_contract(
    broken: dict[str, str], module: str, target: str, contract: str
) -> None:
    (said,) = [said for name, said in broken.items() if contract in name]
    assert re.search(rf"\b{re.escape(f'{module} -> {target}')}\b", said), said


def test_every_contract_is_seen_to_break(broken: dict[str, str]) -> None:
    contracts = [name for name in settings().sections() if name.startswith("importlinter:contract:")]
    assert broken.keys() == {settings().get(contract, "name") for contract in contracts}


def test_what_decides_sees_no_aws_through_others_either(broken: dict[str, str]) -> None:
    (said,) = [said for name, said in broken.items() if "What a node's program is made of" in name]
    through = r"userdata\.boot\.decide -> coordination\.record \(l\.\d+\)\s+coordination\.record -> botocore"
    assert re.search(through, said), said


def test_a_module_that_no_layer_names_breaks_the_layers(broken: dict[str, str]) -> None:
    assert set(re.findall(r"^- (\S+)$", "".join(broken.values()), re.MULTILINE)) == set(LOOSE)
