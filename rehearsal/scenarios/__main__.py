"""`python -m rehearsal.scenarios NAME`: a cluster is deployed, a scenario happens to it, a picture is left of it."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from botocore.exceptions import BotoCoreError, ClientError

from imagebuilder.versions import VersionsError
from rehearsal.binaries.failures import BuildFailed, Missing
from rehearsal.cloud import folders
from rehearsal.cloud.control import Refused
from rehearsal.cloud.rehearse import MachineRehearsal
from rehearsal.local import surroundings
from rehearsal.local.processes import Processes, StepFailed
from rehearsal.machines.options import add_network
from rehearsal.output import machine_output
from rehearsal.scenarios import summary
from rehearsal.scenarios.picture import picture
from rehearsal.scenarios.play import Play
from rehearsal.scenarios.steps import Scenario, ScenarioError, Simple, parse
from rehearsal.scenarios.timeline import Timeline
from rehearsal.scenarios.writes import WritesLost

_HERE = Path(__file__).parent
_LARGEST_SEED = 2**31
_EXIT_CODES = """exit codes:
  0  the cluster was whole after every step, and every acknowledged write was there
  1  something failed
  2  the call or the scenario is wrong, or this computer cannot do it
  3  acknowledged writes are missing
130  Ctrl-C"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play one scenario."""
    options = _parser().parse_args(arguments)
    try:
        with machine_output(options.json) as out:
            return _play(options, out)
    except (Missing, VersionsError, ScenarioError, surroundings.ConfigRefused) as wrong:
        print(wrong, file=sys.stderr)
        return 2
    except WritesLost as lost:
        print(lost, file=sys.stderr)
        return 3
    except (StepFailed, BuildFailed, Refused, BotoCoreError, ClientError) as failed:
        print(failed, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rehearsal.scenarios",
        description=(__doc__ or "").splitlines()[0],
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", help=f"a file, or one of {', '.join(names())}")
    example = Path("examples/default.yaml")
    parser.add_argument("--config", type=Path, default=example, help="configuration (default: %(default)s)")
    parser.add_argument(
        "--times", type=int, metavar="20", help="how often a random step happens (default: as the scenario says)"
    )
    parser.add_argument("--seed", type=int, help="what random steps are drawn with (default: a new one)")
    parser.add_argument("--minor", metavar="1.37", help="the Kubernetes minor to boot (default: the newest)")
    add_network(parser)
    parser.add_argument("--json", action="store_true", help="the summary as JSON, everything else as errors")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running until Ctrl-C")
    return parser


def names() -> list[str]:
    """The scenarios that come with the project."""
    return sorted(file.stem for file in _HERE.glob("*.yaml"))


def load(name: str) -> Scenario:
    """The scenario of a name, or of a file. Raises ScenarioError."""
    file = _HERE / f"{name}.yaml" if name in names() else Path(name)
    try:
        return parse(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"no scenario {name}; allowed: a file, or {', '.join(names())}") from error
    except ScenarioError as error:
        raise ScenarioError(f"{file.name}: {error}") from error


def _play(options: argparse.Namespace, out: IO[str]) -> int:
    scenario = load(options.scenario)
    if not scenario.is_random and (options.times, options.seed) != (None, None):
        raise ScenarioError(f"{options.scenario} has no random step; allowed: neither times nor seed")
    if options.times is not None and options.times < 1:
        raise ScenarioError(f"times: {options.times}; allowed: a whole number, 1 or more")
    seed = secrets.randbelow(_LARGEST_SEED) if options.seed is None else options.seed
    steps = scenario.unrolled(surroundings.facts(options.config).slots, seed, options.times)
    notes = {"seed": str(seed)} if scenario.is_random else {}
    print(f"{scenario.about}{''.join(f'; {name} {value}' for name, value in notes.items())}", flush=True)

    def act(folder: Path, processes: Processes) -> None:
        rehearsal = MachineRehearsal(
            options.config,
            folder,
            processes,
            node_settings=scenario.settings,
            minor=options.minor,
            network=options.network,
            parameters=scenario.parameters,
        )
        _perform(rehearsal, scenario, steps, notes, folder, out if options.json else None)
        if options.keep:
            folders.keep_running()
        else:
            rehearsal.local.delete()
            rehearsal.check_calls()

    return folders.rehearse(options.config, options.minor, options.network, act)


def _perform(
    rehearsal: MachineRehearsal,
    scenario: Scenario,
    steps: Sequence[Simple],
    notes: dict[str, str],
    folder: Path,
    machines: IO[str] | None,
) -> None:
    """Play it, and leave picture and times also of a failure. `machines` is where the summary goes as JSON."""
    play = Play(rehearsal, scenario, steps, notes)
    try:
        play.run(folder / "writer")
    finally:
        timeline = play.timeline()
        for line in summary.lines(timeline):
            print(line)
        files = leave(timeline)
        print(f"time line: {files[0]} (and as JSON: {files[1].name})", flush=True)
        if machines is not None:
            found = summary.as_json(timeline) | {"picture": str(files[0]), "timeline": str(files[1])}
            print(json.dumps(found), file=machines, flush=True)


def leave(timeline: Timeline) -> tuple[Path, Path]:
    """Write picture and data into a folder of their own, which stays."""
    folders.WORK.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="scenario-", dir=folders.WORK))
    files = folder / "timeline.svg", folder / "timeline.json"
    files[0].write_text(picture(timeline), encoding="utf-8")
    files[1].write_text(json.dumps(timeline.as_json(), indent=1), encoding="utf-8")
    return files


if __name__ == "__main__":
    sys.exit(main())
