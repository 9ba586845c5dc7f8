"""`python -m rehearsal.cloud rehearse|serve|shell|clean|<verb>`: the local cloud for people, tests and make."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from imagebuilder.versions import VersionsError
from rehearsal.aws.options import add_options, site
from rehearsal.binaries.failures import BuildFailed, Missing
from rehearsal.cloud import control, folders, runs
from rehearsal.cloud.local_cloud import VERBS, LocalCloud
from rehearsal.cloud.rehearse import MachineRehearsal
from rehearsal.local.processes import Processes, StepFailed
from rehearsal.loopback import reach_directly
from rehearsal.machines import leftovers
from rehearsal.machines.network.pods import PodRange
from rehearsal.machines.options import add_network
from rehearsal.shutdown import shutdown_event


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all went well, 1 when something failed, 2 when the call was wrong or this computer cannot do it."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (Missing, VersionsError) as missing:
        print(missing, file=sys.stderr)
        return 2
    except (StepFailed, BuildFailed, control.Refused, BotoCoreError, ClientError) as failed:
        print(failed, file=sys.stderr)
        return 1


_EXIT_CODES = """exit codes:
  0  done
  1  something failed
  2  the call is wrong, or this computer cannot do it; what is missing is printed
130  Ctrl-C"""
_VERBS = {
    "close_zone": "EC2 starts no more instances in a zone",
    "crowd_zone": "fill a zone: EC2 starts an instance there only once another one has left",
    "fill_disk": "fill an instance's disk",
    "free_disk": "remove what fill_disk has written",
    "free_zone": "end crowd_zone and close_zone",
    "freeze": "pause every process of an instance; its kernel still answers",
    "hang": "stop an instance so that nothing answers; EC2 still says running",
    "isolate": "cut an instance off the network",
    "isolate_zone": "cut a zone off the others",
    "lose": "cut an instance's power, unannounced; EC2 says terminated",
    "reboot": "reboot an instance, by EC2's API",
    "rejoin": "end isolate",
    "rejoin_zone": "end isolate_zone",
    "start": "start a stopped instance, by EC2's API",
    "stop": "stop an instance, by EC2's API",
    "terminate": "terminate an instance, by EC2's API",
    "thaw": "end freeze",
}


def _parser() -> argparse.ArgumentParser:
    wide = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m rehearsal.cloud", description=__doc__, epilog=_EXIT_CODES, formatter_class=wide
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    rehearse = commands.add_parser("rehearse", help="deploy a configuration, boot its instances, delete everything")
    example = Path("examples/default.yaml")
    rehearse.add_argument("config", nargs="?", type=Path, default=example, help="configuration (default: %(default)s)")
    _add_node_options(rehearse)
    add_network(rehearse)
    rehearse.add_argument("--minor", metavar="1.37", help="the Kubernetes minor to boot (default: the newest)")
    rehearse.add_argument("--keep", action="store_true", help="leave it running until Ctrl-C")
    rehearse.set_defaults(run=_rehearse)

    serve = commands.add_parser("serve", help="run a local cloud until told to stop; says in JSON when it is ready")
    _add_node_options(serve)
    add_network(serve)
    usual = PodRange()
    serve.add_argument(
        "--pods", default=usual.pods, metavar="RANGE", help="range of the pods of all nodes (default: %(default)s)"
    )
    serve.add_argument(
        "--tunnel-port", type=int, default=usual.port, help="UDP port of pods between nodes (default: %(default)s)"
    )
    add_options(serve)
    serve.set_defaults(run=_serve)

    shell = commands.add_parser("shell", help="open a shell inside an instance")
    shell.add_argument("instance", help="its id")
    shell.set_defaults(run=_shell)

    clean = commands.add_parser("clean", help="remove what earlier local clouds left behind")
    clean.set_defaults(run=_clean)

    disturb = commands.add_parser("disturb", help="throttle and fail a share of what nodes and functions ask of AWS")
    disturb.add_argument("share", type=float, help="0.2 for every fifth request, 0 for none any more")
    disturb.add_argument("--seed", type=int, default=0, help="which requests are drawn (default: %(default)s)")
    disturb.set_defaults(run=_disturb)

    image = commands.add_parser("image", help="register one more machine image, of this checkout as it is now")
    _add_node_options(image)
    image.set_defaults(run=_image)

    push = commands.add_parser("push", help="put a container image into ECR, as docker push does; prints its name")
    push.add_argument("archive", type=Path, help="a file in the OCI image layout, as skopeo writes oci-archive:FILE")
    push.add_argument("repository", help="that exists: aws ecr create-repository makes one")
    push.add_argument("tag", nargs="?", default="latest", help="the image's tag (default: %(default)s)")
    push.set_defaults(run=_push)

    for verb in sorted(VERBS):
        command = commands.add_parser(verb, help=f"{_VERBS[verb]}; in a running local cloud")
        command.add_argument("target", help="an instance's id, or a zone's name")
        command.set_defaults(run=lambda options, verb=verb: _act(verb, options.target))
    return parser


def _add_node_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--node-settings", type=_settings, metavar="FILE", help="JSON that image.json has, too (default: none)"
    )
    parser.add_argument(
        "--program", type=Path, metavar="FILE", help="what tests start as the node program (default: this checkout's)"
    )


def _settings(name: str) -> dict[str, Any]:
    """What a file of settings holds."""
    try:
        found = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{name}: no object; allowed: the fields of userdata/config/image.py")
    return found


def _rehearse(options: argparse.Namespace) -> int:
    def act(folder: Path, processes: Processes) -> None:
        rehearsal = MachineRehearsal(
            options.config,
            folder,
            processes,
            node_settings=options.node_settings,
            program=options.program,
            minor=options.minor,
            network=options.network,
        )
        rehearsal.deploy()
        rehearsal.check_cluster()
        rehearsal.local.show(kept=options.keep)
        if options.keep:
            with rehearsal.kubectl() as kubectl:
                program = kubectl.outside.script("kubectl", kubectl.command)
                print(f"kubectl, as a client in the VPC, for the next eight hours:\n  {program} get nodes", flush=True)
                folders.keep_running()
        else:
            rehearsal.local.delete()
            rehearsal.check_permissions()

    return folders.rehearse(options.config, options.minor, options.network, act)


def _serve(options: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    reach_directly()
    stopping = shutdown_event(with_stdin=options.stop_with_stdin)
    cloud_id = secrets.token_hex(3)
    run_dir = runs.folder() / cloud_id
    run_dir.mkdir(parents=True)
    cloud = LocalCloud(
        cloud_id,
        run_dir,
        node_settings=options.node_settings,
        program=options.program,
        region=options.region,
        speed=options.speed,
        port=options.port,
        log_dir=options.log_dir,
        site=site(options),
        pods=PodRange(options.pods, options.tunnel_port),
        network=options.network,
    )
    try:
        cloud.start()
        runs.publish(run_dir, cloud.aws.endpoint)
        ready = {"endpoint": cloud.aws.endpoint, "region": options.region, "pid": os.getpid(), "cloud": cloud_id}
        print(json.dumps(ready | {"images": cloud.image_ids}), flush=True)
        stopping.wait()
    finally:
        cloud.stop()
        shutil.rmtree(run_dir)
    # Python looks for garbage before it ends, and in all that moto has loaded this takes seconds.
    gc.freeze()
    return 0


def _shell(options: argparse.Namespace) -> int:
    command = runs.running(options.instance).shell(options.instance)
    os.execvp(command[0], command)


def _clean(_: argparse.Namespace) -> int:
    for line in leftovers.clean():
        print(line)
    return 0


def _disturb(options: argparse.Namespace) -> int:
    runs.running().disturb(options.share, options.seed)
    return 0


def _image(options: argparse.Namespace) -> int:
    print(runs.running().register_image(options.program, options.node_settings))
    return 0


def _push(options: argparse.Namespace) -> int:
    print(runs.running().push(options.archive, options.repository, options.tag))
    return 0


def _act(verb: str, target: str) -> int:
    runs.running(target).act(verb, target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
