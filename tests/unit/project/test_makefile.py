"""The commands of the Makefile, as a newcomer meets them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from generator.cli import default_out
from generator.commands import read

ROOT = Path(__file__).parents[3]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PHONY = re.findall(r"^\.PHONY: ([a-z0-9-]+)$", MAKEFILE, re.MULTILINE)
PROMISED = """new templates check test slow lint format local package deploy delete purge diff preflight bench golden
clean lock docs function e2e image image-follow image-id catalog publish""".split()
SUITES = [target for target in PHONY if target.startswith("e2e-")]


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # MAKEFLAGS of a make that runs these tests would reach the one that is tested.
    plain = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, env=plain, check=False)


def listed() -> dict[str, str]:
    """What `make help` says of each target: they are indented by two."""
    return dict(re.findall(r"^  ([a-z0-9-]+) +(.+)$", make().stdout, re.MULTILINE))


def variables() -> dict[str, str]:
    """What `make help` says of each variable: they are indented by four."""
    return dict(re.findall(r"^    ([A-Z_]+)=\S*(?: \S*')? +(.+)$", make().stdout, re.MULTILINE))


def test_make_alone_prints_the_list_and_does_nothing_else() -> None:
    assert make().stdout == make("help").stdout
    assert "templates" in listed()


def test_every_target_is_in_the_list_with_a_line_of_its_own() -> None:
    assert sorted(listed()) == sorted(PHONY)


def test_the_list_is_in_groups_and_every_variable_that_a_target_takes_is_in_it_once() -> None:
    made = read(MAKEFILE)
    taken = set().union(*(made.taken(command) for command in made.by_name.values()))
    # Make's own, and small letters for what the Makefile computes.
    typed = {name for name in taken if name.isupper()} - {"MAKE", "MAKEFILE_LIST", "CURDIR"}
    assert sorted(variables()) == sorted({*typed, "PYTHON"})
    described = [variable.name for group in made.groups for variable in group.variables]
    assert len(described) == len(set(described))
    headings = re.findall(r"^\S.*$", make().stdout, re.MULTILINE)
    assert headings == [group.title for group in made.groups]
    # In the Makefile others stand between them.
    assert [title.partition(" ")[0] for title in headings[:5]] == ["Help", "Generate", "Machine", "Deploy", "Check"]


def test_a_variable_counts_for_a_target_that_passes_it_on_through_others() -> None:
    made = read(MAKEFILE)
    deploy = made.taken(made.by_name["deploy"])
    assert {"STACK", "SET", "PARAMS", "TAGS", "OUT", "REGION", "YES"} <= deploy
    assert "EXIT_CODE" not in deploy
    assert "ARGS" in made.taken(made.by_name["check"])


@pytest.mark.parametrize("target", PROMISED)
def test_a_promised_target_is_there(target: str) -> None:
    assert target in PHONY


@pytest.mark.parametrize("target", PHONY)
def test_a_target_parses_and_knows_what_it_needs(target: str) -> None:
    done = make("--dry-run", target)
    assert done.returncode == 0, done.stderr


def pytest_command(target: str) -> list[str]:
    """The words of the one call of pytest that a target makes."""
    printed = make("--dry-run", target).stdout.replace("\\\n", " ")
    (line,) = [line for line in printed.splitlines() if " -m pytest " in line]
    return shlex.split(line.partition(" -m pytest ")[2])


def test_every_test_is_in_one_of_test_and_slow_or_in_one_suite_of_e2e() -> None:
    fast, slow = pytest_command("test"), pytest_command("slow")
    assert fast == [*slow[:-1], "not slow"]
    assert slow[-2:] == ["-m", "slow"]
    ignored = {fast[at + 1] for at, word in enumerate(fast) if word == "--ignore"}
    suites = [path for suite in SUITES for path in pytest_command(suite) if path.startswith("tests/")]
    assert len(suites) == len(set(suites))
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "e2e").glob("test_*.py")}
    assert files | {"tests/machines"} == set(suites)
    assert ignored == {"tests/e2e", "tests/machines/kubeadm"}


def test_e2e_runs_every_suite_and_goes_on_when_one_fails() -> None:
    printed = make("--dry-run", "e2e").stdout.splitlines()
    assert any("--keep-going" in line and line.split()[-len(SUITES) :] == SUITES for line in printed)


@pytest.mark.parametrize("target", ["test", "slow", *SUITES])
def test_what_takes_long_is_printed(target: str) -> None:
    assert {"--durations=20", "--slowest-files=20"} <= set(pytest_command(target))


OF_ROOT = ("preflight", "costs")
"""Targets that are told the root template, and not its folder."""


def test_a_list_of_parameters_reaches_deploy_word_by_word() -> None:
    printed = make("--dry-run", "deploy", "SET=Image=ami-1 Days=30", "PARAMS=params.json", "ROLLBACK=1").stdout
    assert "--parameters 'params.json' --set 'Image=ami-1' --set 'Days=30' --rollback" in " ".join(printed.split())


@pytest.mark.parametrize(
    "config",
    [
        *("examples/default.yaml", "examples/production.yaml", "my-cluster.yaml", "./my-cluster.yaml", "../a/b.c.yml"),
        *("my clusters/the first.yaml", "/srv/cluster.json", "a.b/cluster"),
    ],
)
def test_the_same_configuration_is_the_same_folder_for_every_target(config: str) -> None:
    commands = commands_of_folders(f"CONFIG={config}", "PARAMS=my params.json")
    for target, words in commands.items():
        of_root = target in OF_ROOT
        folder = default_out(config) + "/root.json" * of_root
        assert words[words.index("--template" if of_root else "--out") + 1] == folder
        assert target == "generator" or words[words.index("--typed") + 1] == f"CONFIG={config}"
    assert {words[words.index("--parameters") + 1] for words in commands.values() if "--parameters" in words} == {
        "my params.json"
    }


def test_a_folder_that_was_typed_is_the_folder() -> None:
    for target, words in commands_of_folders("OUT=any where/deeper").items():
        assert target in OF_ROOT or words[words.index("--out") + 1] == "any where/deeper"
        assert target == "generator" or words[words.index("--typed") + 1] == "OUT=any where/deeper"


def commands_of_folders(*variables: str) -> dict[str, list[str]]:
    """The words of each command that acts on a folder of templates, by its name."""
    targets = ("templates", "package", "deploy", "diff", *OF_ROOT)
    printed = make("--dry-run", *targets, "BUCKET=b", *variables).stdout
    commands = [shlex.split(line) for line in printed.splitlines() if " generator " in line or " deployment " in line]
    found = {words[words.index("-m") + 1 + ("deployment" in words)]: words for words in commands}
    assert found.keys() == {"generator", "package", "deploy", "diff", *OF_ROOT}
    return found


@pytest.mark.parametrize(
    ("typed", "judged"), [(["CONFIG=a.yaml"], 5), ([], 5), (["OUT=there"], 0), (["OUT=there", "CONFIG=a.yaml"], 5)]
)
def test_templates_are_judged_only_where_they_are_what_the_configuration_generates_now(
    typed: list[str], judged: int
) -> None:
    targets = (*OF_ROOT, "package", "diff", "deploy")
    printed = [line for target in targets for line in make("--dry-run", target, *typed).stdout.splitlines()]
    acting = [line for line in printed if " -m deployment " in line or " --current " in line]
    assert sum(" --current " in line for line in acting) == judged
    assert not judged or all(" --current " in line for line in acting[::2])


def refused(*arguments: str, **environment: str) -> str:
    """The one line with which make refuses arguments before anything is run."""
    done = make("--dry-run", *arguments, **environment)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    found = re.fullmatch(r"Makefile:\d+: \*\*\* (.+)\.  Stop\.", line)
    assert found is not None, line
    return found[1]


@pytest.mark.parametrize(
    ("typed", "perhaps"),
    [
        ("STAK=x", " (perhaps STACK)"),
        ("conf=x", " (perhaps CONFIG)"),
        ("it's=x", ""),
        ("check_python=echo", " (perhaps PYTHON)"),
    ],
)
@pytest.mark.parametrize("target", ["status", "templates"])
def test_a_variable_that_nobody_knows_is_refused(typed: str, perhaps: str, target: str) -> None:
    name = typed.partition("=")[0]
    assert refused(target, typed, "CONFIG=x.yaml") == f"{name}: no such variable{perhaps}; make help lists them"


def test_every_variable_that_is_known_may_be_given_also_through_another_make() -> None:
    known = [variable.name for group in read(MAKEFILE).groups for variable in group.variables]
    done = make("--dry-run", "e2e", "CHECK=", *(f"{name}=1" for name in known if name != "PYTHON"))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("CONFIG", "a file, such as examples/default.yaml"), ("OUT", "a folder"), ("STACK", "the name of a stack")],
)
def test_a_variable_that_was_left_empty_is_one_line(name: str, allowed: str) -> None:
    assert refused("diff", f"{name}=") == refused("diff", **{name: " "}) == f"{name}: given nothing; allowed: {allowed}"


FLAGS = {
    variable.name
    for group in read(MAKEFILE).groups
    for variable in group.variables
    if re.fullmatch(r"[A-Z_]+=[01]", variable.example)
}


# ARGS is several words of a command line, and PYTHON a program.
@pytest.mark.parametrize("name", sorted({*variables()} - FLAGS - {"ARGS", "PYTHON"}))
@pytest.mark.parametrize("from_environment", [False, True])
def test_what_is_given_reaches_its_command_whole_and_nothing_of_it_is_run(
    name: str, from_environment: bool, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    text = f"it's;$(shell\ttouch\t{run})`touch\t{run}`$HOME\"#".replace("\t", "${IFS}")
    if name not in {"SET", "TAGS"}:
        text = f"{text} $(shell touch {run}) x"
    made = read(MAKEFILE)
    targets = [target for target, command in made.by_name.items() if name in made.taken(command)]
    others = {"IMAGE": "latest"} if name == "IMAGE_STACK" else {}
    given = {**others, name: text}
    if from_environment:
        done = make("--dry-run", *targets, **given)
    else:
        done = make("--dry-run", *targets, *(f"{each}={value}" for each, value in given.items()))
    assert done.returncode == 0, done.stderr
    assert not run.exists()
    words = [word for word in shlex.split(done.stdout.replace("\\\n", " ")) if "touch" in word]
    assert words
    assert all(text in word or default_out(text) in word for word in words)


def test_lines_of_a_list_are_its_words() -> None:
    printed = make("--dry-run", "deploy", "SET=A=1\nB=it's\n").stdout
    assert "--set 'A=1' --set 'B=it'\\''s'" in printed


def test_a_python_that_is_not_there_is_one_line() -> None:
    done = make("--silent", "templates", "PYTHON=python-that-is-not-there")
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert said == [
        "Python 3.11 or newer is needed, and there is no python-that-is-not-there: install python3 and python3-venv"
    ]
