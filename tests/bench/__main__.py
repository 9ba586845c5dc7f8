"""`python -m tests.bench [--json] [--without-local | --replacing | --updating]`: figures beside their limits."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from tests.bench import boots, claims, machines, measure, passes, replacing, updating
from tests.bench.figure import Figure

# Seconds on the machine that CI has; the ratio beside the first one is what to compare elsewhere.
GENERATION_SECONDS = 0.45
LOCAL_SECONDS = 20
PACKAGES = 40
BOOT_SECONDS = 1.5
HARNESS_SECONDS = 10
IDLE_PERCENT = 5


def main() -> int:
    """Measures and prints; 1 when a program that is measured fails, or a figure of a real cluster is out of bounds."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=measure.__doc__,
        epilog="exit codes: 0 measured, 1 a program failed or a figure is out of bounds, 2 bad input",
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--without-local", action="store_true", help="leave out the rehearsals")
    parser.add_argument("--replacing", action="store_true", help="only replacements in a real cluster, beside by hand")
    parser.add_argument("--updating", action="store_true", help="only updates of a real cluster, beside their parts")
    parser.add_argument(
        "--times", type=int, default=5, metavar="5", help="how often each is repeated (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=60,
        metavar="60",
        help="after which no repetition begins (default: %(default)s)",
    )
    options = parser.parse_args()
    if options.replacing:
        return _replacing(options.times, options.minutes, as_json=options.json)
    if options.updating:
        return _updating(options.times, options.minutes, as_json=options.json)
    try:
        figures: dict[str, Any] = {
            "generation": measure.generation(),
            "packages_to_generate": measure.packages(),
            "templates": measure.templates(),
        }
        if not options.without_local:
            figures["local_seconds"] = measure.rehearsal()
        figures["claims"] = claims.claim_race()
        figures["function"] = passes.passes()
        # What cannot be measured here is said, and is no failure: generating needs no root.
        missing = machines.problems()
        figures["machines"] = {"not_measured": missing} if missing else machines.machines()
        if not options.without_local:
            figures["cluster"] = {"not_measured": missing} if missing else boots.boots()
    except subprocess.CalledProcessError as error:
        print(f"{' '.join(error.cmd)} failed: {error.stderr.strip()}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        _tell(figures)
    return 0


def _tell(figures: dict[str, Any]) -> None:
    generation = figures["generation"]
    print(f"generate     {generation['seconds']:.2f} s (at most {GENERATION_SECONDS} s)")
    imports = generation["import_troposphere_seconds"]
    print(f"             {generation['ratio']:.2f} times `import troposphere`, {imports:.2f} s")
    print(f"packages     {figures['packages_to_generate']} to generate (at most {PACKAGES})")
    if "local_seconds" in figures:
        print(f"make local   {figures['local_seconds']:.1f} s (at most {LOCAL_SECONDS} s)")
    race = figures["claims"]
    print(f"claims       {race['rounds_with_one_winner']} of {race['rounds']} rounds with one winner (all)")
    print(f"             {race['most_requests']} table requests at most (at most {claims.MOST_REQUESTS})")
    _tell_function(figures["function"])
    measured = figures["machines"]
    if "not_measured" in measured:
        print(f"machines     not measured: {'; '.join(measured['not_measured'])}")
    else:
        print(f"boot         {measured['boot_seconds']:.2f} s to the default target (at most {BOOT_SECONDS} s)")
        print(f"harness      {measured['harness_up_and_down_seconds']:.1f} s up and down (at most {HARNESS_SECONDS} s)")
        print(f"idle         {measured['idle_percent_of_a_core']:.1f} % of a core (at most {IDLE_PERCENT} %)")
    if "cluster" in figures:
        _tell_cluster(figures["cluster"])
    for template in figures["templates"]:
        print(f"  {template['file']:<24} {template['resources']:>4} resources {template['bytes']:>8} bytes")


def _replacing(times: int, minutes: float, *, as_json: bool) -> int:
    if missing := machines.problems():
        print(f"replacements are not measured: {'; '.join(missing)}", file=sys.stderr)
        return 1
    function = passes.passes()
    warm = function["warm_call_milliseconds"] / 1000
    found = replacing.replacing(times, minutes, warm, _tell_step)
    if as_json:
        print(json.dumps({"function": function, "replacing": [each.as_json() for each in found]}, indent=2))
    else:
        _tell_function(function)
        for each in found:
            print(each)
    return _code(found, replacing.ALL_FIGURES)


def _updating(times: int, minutes: float, *, as_json: bool) -> int:
    if missing := machines.problems():
        print(f"updates are not measured: {'; '.join(missing)}", file=sys.stderr)
        return 1
    found = updating.updating(times, minutes, _tell_step)
    if as_json:
        print(json.dumps({"updating": [each.as_json() for each in found]}, indent=2))
    else:
        for each in found:
            print(each)
    return _code(found, updating.ALL_FIGURES)


def _tell_step(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _code(found: Sequence[Figure], wanted: int) -> int:
    """0 where every figure is there and within its bound."""
    return 0 if len(found) == wanted and all(each.is_within for each in found) else 1


def _tell_function(measured: dict[str, Any]) -> None:
    limit = passes.IMPORT_MILLISECONDS
    print(f"function     {measured['import_milliseconds']:.0f} ms of CPU to import it cold (at most {limit} ms)")
    first, warm = measured["first_call_milliseconds"], measured["warm_call_milliseconds"]
    print(f"             {first:.0f} ms for the first call, which imports boto3, {warm:.0f} ms for the next one,")
    print(f"             {measured['warm_pass_milliseconds']:.0f} ms of it the pass, of a local AWS's time")
    print(f"             {measured['memory_mib']:.0f} MiB after them (at most {passes.MEMORY_MIB} MiB)")
    largest = f"{passes.SLOTS} slots and {passes.POOLS} pools"
    print(f"             {measured['calls']} requests a pass, {largest} (at most {passes.MOST_CALLS})")


def _tell_cluster(measured: dict[str, Any]) -> None:
    if "not_measured" in measured:
        print(f"cluster      not measured: {'; '.join(measured['not_measured'])}")
        return
    print(f"own CPU      {measured['boot_cpu_seconds']:.2f} s of a boot (at most {boots.BOOT_CPU_SECONDS} s)")
    beyond, kubeadm = measured["beyond_kubeadm_seconds"], measured["kubeadm_seconds"]
    print(f"founding     {measured['three_voters_seconds']:.1f} s to three voters, {kubeadm:.1f} s of it kubeadm's")
    print(f"             {beyond:.1f} s beside it (at most {boots.BEYOND_KUBEADM_SECONDS} s)")
    print(f"agent        {measured['agent_idle_percent_of_a_core']:.2f} % of a core (at most {boots.AGENT_PERCENT} %)")
    print(f"             {measured['agent_resident_mib']:.0f} MiB (at most {boots.AGENT_MIB} MiB)")


if __name__ == "__main__":
    sys.exit(main())
