"""The command line, as the Makefile and people call it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from generator import cli, limits, root
from generator.config import ClusterConfig, load
from generator.config.schema import FILE, schema_text

REPOSITORY = Path(__file__).parents[3]
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.yaml"))


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "generator", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def content(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    path = tmp_path / "refused.yaml"
    path.write_text("zones: 2\ncontrolPlane: {slots: 4}\n")
    return path


def test_a_refused_configuration_gives_its_lines_exit_code_2_and_touches_nothing(tmp_path: Path, refused: Path) -> None:
    out = tmp_path / "templates"
    assert run("--out", out).returncode == 0
    before = content(out)
    result = run("--config", refused, "--out", out)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        f"{refused}:1: zones: given 2; allowed: 3 to 6 (fewer only with shape: development)",
        f"{refused}:2: controlPlane.slots: given 4; allowed: 3, 5",
    ]
    assert content(out) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["refused.yaml", "templates"]


def test_a_configuration_without_a_pool_removes_its_templates_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = tmp_path / "c.yaml", tmp_path / "templates"
    typed = ["--config", str(config), "--out", str(out)]
    config.write_text("pools: [{name: general}, {name: memory}]\n")
    assert cli.main(typed) == 0
    assert (out / "workers-memory.json").exists()
    config.write_text("pools: [{name: general}]\n")
    capsys.readouterr()
    assert cli.main([*typed, "--check"]) == 1
    assert f"{out}/workers-memory.json differs\n" in capsys.readouterr().out
    assert cli.main(typed) == 0
    said = capsys.readouterr().out.splitlines()
    assert f"{out}/workers-memory.json removed" in said
    assert f"{out}/root.json written" in said
    assert not (out / "workers-memory.json").exists()


def test_another_clusters_templates_stay_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "templates")
    assert cli.main(["--config", str(REPOSITORY / "examples/production.yaml"), "--out", out]) == 0
    before = content(Path(out))
    capsys.readouterr()
    assert cli.main(["--config", str(REPOSITORY / "examples/minimal.yaml"), "--out", out]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "holds templates of the cluster production, and these are of minimal" in line
    assert content(Path(out)) == before


def test_the_root_of_the_machine_is_no_folder_of_templates(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--config", str(REPOSITORY / "examples/minimal.yaml"), "--out", "/"]) == 2
    assert capsys.readouterr().err.endswith("--out: given /; allowed: a directory of templates only\n")


def test_a_check_names_the_differing_files_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    out = tmp_path / "templates"
    assert cli.main(["--out", str(out)]) == 0
    assert cli.main(["--out", str(out), "--check"]) == 0
    (out / "iam.json").write_text("{}")
    capsys.readouterr()
    assert cli.main(["--out", str(out), "--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [f"{out}/iam.json differs"]
    assert (out / "iam.json").read_text() == "{}"


def test_templates_that_an_edit_has_left_behind_are_refused_with_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config, out = tmp_path / "my-cluster.yaml", "build/templates/my-cluster"
    config.write_text("name: mine\n")
    current = ["--current", "--config", config.name]
    assert cli.main(current) == 0, "nothing was generated here"
    assert cli.main(["--config", config.name]) == 0
    assert cli.main(current) == 0
    capsys.readouterr()
    config.write_text("name: mine\ncontrolPlane: {slots: 5}\n")
    assert cli.main(current) == 1
    step = "make templates CONFIG=my-cluster.yaml"
    assert capsys.readouterr() == ("", f"{out} is not what my-cluster.yaml generates now: {step}\n")
    (tmp_path / "a b").mkdir()
    assert cli.main([*current, "--out", "a b"]) == 1
    assert capsys.readouterr().err.endswith(f": {step} OUT='a b'\n")
    config.write_text("controlPlane: {slots: 4}\n")
    assert cli.main(current) == 2
    assert capsys.readouterr() == ("", "my-cluster.yaml:1: controlPlane.slots: given 4; allowed: 3, 5\n")


def test_the_report_for_machines_counts_what_was_generated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(REPOSITORY / "examples/minimal.yaml")
    out = tmp_path / "templates"
    assert cli.main(["--config", config, "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["changed"] == sorted(content(out))
    for entry in report["templates"]:
        text = content(out)[entry["file"]]
        assert entry["bytes"] == len(text.encode())
        assert entry["resources"] == len(json.loads(text)["Resources"])


def test_a_template_beyond_a_limit_is_exit_code_3_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_RESOURCES", 50)
    config, out = str(REPOSITORY / "examples/minimal.yaml"), tmp_path / "templates"
    assert cli.main(["--config", config, "--out", str(out)]) == 3
    assert "resources, the limit is 50" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("arguments", [["--colour"], ["--docs", "--schema", "-"], ["--config"]])
def test_an_argument_that_does_not_exist_is_exit_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2


@pytest.mark.parametrize("partition", ["aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"])
def test_an_unproven_partition_is_labelled(tmp_path: Path, capsys: pytest.CaptureFixture[str], partition: str) -> None:
    config = tmp_path / "other.yaml"
    config.write_text(f"partition: {partition}\npools: [{{name: general}}]")
    assert cli.main(["--config", str(config), "--out", str(tmp_path / "templates")]) == 0
    assert capsys.readouterr().err == (
        f"note: templates for the partition {partition} are unproven: nobody has deployed one\n"
    )


def test_a_configuration_without_pools_is_told_which_pool_it_gets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = tmp_path / "c.yaml", tmp_path / "templates"
    config.write_text("name: web\n")
    assert cli.main(["--config", str(config), "--out", str(out)]) == 0
    told = "not given, so there is one pool, general (m7i.large, 2 to 10)"
    assert capsys.readouterr().err == f"{config}:1: pools: note: {told}\n"
    assert [path.name for path in out.glob("workers-*")] == ["workers-general.json"]
    config.write_text("name: web\npools: [{name: general}]\n")
    assert cli.main(["--config", str(config), "--out", str(out)]) == 0
    assert capsys.readouterr().err == ""


def test_a_range_of_public_addresses_is_noted_with_its_place_and_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "public.yaml"
    config.write_text(
        "name: web\nnetwork:\n  vpcCidr: 8.8.0.0/16\nkubernetes: {podCidr: 198.18.0.0/15}\npools: [{name: general}]"
    )
    assert cli.main(["--config", str(config), "--validate"]) == 0
    told = capsys.readouterr()
    assert told.out == f"{config}: accepted\n"
    assert told.err == (
        f"{config}:3: network.vpcCidr: note: 8.8.0.0/16 is no private range; where others have these addresses, nodes "
        "and pods cannot reach them\n"
    )


def test_a_validation_prints_the_whole_configuration_for_machines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: Path
) -> None:
    config = tmp_path / "whole.yaml"
    config.write_text("zones: 4")
    assert cli.main(["--config", str(config), "--validate", "--json"]) == 0
    whole = capsys.readouterr().out
    assert (json.loads(whole)["zones"], json.loads(whole)["network"]["vpcCidr"]) == (4, "10.0.0.0/16")
    config.write_text(whole)
    assert load(config) == ClusterConfig(zones=4)
    assert cli.main(["--config", str(refused), "--validate", "--json"]) == 2
    assert capsys.readouterr().out == ""


def test_the_committed_schema_is_current(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`make docs` writes it anew."""
    monkeypatch.chdir(REPOSITORY)
    assert cli.main(["--schema", FILE, "--check"]) == 0
    assert cli.main(["--schema", "-"]) == 0
    assert capsys.readouterr().out == schema_text() == (REPOSITORY / FILE).read_text()


def test_a_stale_schema_differs_until_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    path.write_text("{}")
    assert cli.main(["--schema", str(path), "--check"]) == 1
    assert cli.main(["--schema", str(path)]) == 0
    assert cli.main(["--schema", str(path), "--check"]) == 0


def test_a_refused_configuration_does_not_wait_for_troposphere(refused: Path) -> None:
    code = f"import sys; from generator.cli import main; main(['--config', {str(refused)!r}]); print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "generator.config" in result.stdout.split()
    assert "troposphere" not in result.stdout.split()


def test_a_new_configuration_is_accepted_at_once_and_completed_by_editors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["--new", "my-cluster"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "next: make templates CONFIG=my-cluster.yaml"
    path = tmp_path / "my-cluster.yaml"
    assert load(path) == ClusterConfig(name="my-cluster")
    schema = path.read_text().splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (tmp_path / schema).resolve() == REPOSITORY / FILE
    jsonschema.validate(yaml.safe_load(path.read_text()), json.loads(schema_text()))


def test_a_new_configuration_stands_where_nothing_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.yaml").write_text("mine")
    for name, line in (
        ("taken", "taken.yaml is there already; it stays as it is"),
        ("../taken", 'name: given "../taken"; allowed: 2 to 32 lower-case letters, digits and hyphens, '),
    ):
        assert cli.main(["--new", name]) == 2
        assert capsys.readouterr().err.startswith(line)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("taken.yaml", "mine")]


def test_only_the_default_configuration_goes_where_templates_are_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my cluster.yaml").write_text("name: mine")
    assert cli.main(["--config", "my cluster.yaml"]) == 0
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["build"]
    assert (tmp_path / "build/templates/my-cluster/root.json").is_file()


@pytest.mark.parametrize("example", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_every_example_is_accepted_and_tells_the_editor_its_schema(example: Path) -> None:
    config = load(example)
    assert config.name in (example.stem, "holdfast")
    first_line = example.read_text().splitlines()[0]
    schema = first_line.removeprefix("# yaml-language-server: $schema=")
    assert (example.parent / schema).resolve() == REPOSITORY / FILE
    limits.check(root.templates(config))
