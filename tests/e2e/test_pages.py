"""Pages about what goes wrong are walked, each on a real cluster that is brought into the very state of the page."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from rehearsal.cloud.operator import Operator
from rehearsal.local import stacks
from rehearsal.local.steps import STACK
from rehearsal.local.surroundings import BUCKET
from tests.e2e.harness import ROOT, ClusterHarness, Seen, running
from tests.e2e.replacing import HEALTHY_SECONDS, SHORT, group_of, in_slot, is_gone, terminate
from tests.e2e.updating import UPDATE_SECONDS, at_rest, images, status
from tests.e2e.walking import PAGES, Walk, surroundings
from tests.waiting import wait_for

ALICE = "arn:aws:iam::123456789012:user/alice"
PAUSE = "PT2M"
"""For so long an update waits for a slot, and as long again for the slot to be as it was; a template says an hour."""
HELD, STAYS, NEW = (f"i-0000000000000000{letter}" for letter in "bcd")
"""Instances of the page about a voter that is held: in slot 1, in slot 2, and the new one of slot 0."""
FAILED, GOOD_IMAGE = "i-0000000000000000d", "ami-0123456789abcdef0"
"""The instance and the image of the page about a slot that does not boot."""
IMAGELESS = Path(__file__).parent / "imageless_node.py"


@dataclass(frozen=True)
class Place:
    """A whole cluster, and what everybody's shells have in common."""

    cluster: ClusterHarness
    folder: Path

    @property
    def owner(self) -> dict[str, str]:
        """The environment of whoever deploys."""
        local = self.cluster.rehearsal.local
        return surroundings({**local.environment, "OUT": str(local.templates)}, self.folder)

    def person(self, page: str) -> dict[str, str]:
        """The environment of an administrator by the policy that the stack has made, who may do beside it what the page
        says that its commands take, and nothing else."""
        local = self.cluster.rehearsal.local
        iam = local.client("iam")
        alice = Operator.made(iam, "alice", local.environment)
        outputs = stacks.outputs(local.client("cloudformation"), STACK)
        iam.attach_user_policy(UserName="alice", PolicyArn=outputs["AdminOperatorPolicyArn"])
        table = (PAGES / page).read_text(encoding="utf-8").partition("## What it takes")[2]
        actions = sorted(set(re.findall(r"`([a-z0-9]+:[A-Z]\w+)`", table)))
        allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        iam.put_user_policy(UserName="alice", PolicyName="page", PolicyDocument=json.dumps(allowed))
        return surroundings(alice.environment, self.folder)

    def walk(self, page: str, **words: str) -> Walk:
        """A walk of the page in this cluster."""
        return Walk(
            page, self.folder, {"my-cluster": STACK, "eu-central-1": self.cluster.rehearsal.local.facts.region, **words}
        )

    def named(self, *conditions: str) -> None:
        """Wait until these are the conditions, and no others."""
        wanted = set(conditions)
        self.cluster.until(lambda seen: seen.conditions.keys() == wanted, f"not these: {conditions}", HEALTHY_SECONDS)

    def members(self) -> set[str]:
        """Those that `make status` knows of."""
        done = self.cluster.rehearsal.local.command("status", "--stack", STACK, "--json")
        return {each["name"] for each in json.loads(done.stdout)["parts"]["members"]["found"] or ()}

    def launching(self, group: str) -> bool:
        """Whether the group tries to launch an instance."""
        autoscaling = self.cluster.rehearsal.local.client("autoscaling")
        activities = autoscaling.describe_scaling_activities(AutoScalingGroupName=group)["Activities"]
        return any(each["StatusCode"] not in ("Successful", "Failed", "Cancelled") for each in activities)

    def suspend(self, group: str, verb: str = "suspend-processes") -> None:
        """What a person does who wants no launches in a group for a while."""
        named = ("--auto-scaling-group-name", group, "--scaling-processes", "Launch")
        self.cluster.rehearsal.local.aws("autoscaling", verb, *named)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Three control planes alone, with an administrator."""
    folder = tmp_path_factory.mktemp("pages")
    parameters = {"GeneralMinSize": "0", "AdministratorArns": ALICE}
    with running(folder, node_settings=SHORT, program=None, parameters=parameters, pause=PAUSE) as cluster:
        cluster.healthy(HEALTHY_SECONDS)
        cluster.until(lambda _: status(cluster) == "CREATE_COMPLETE", "the stack is not complete", HEALTHY_SECONDS)
        yield Place(cluster, folder)
        iam = cluster.rehearsal.local.client("iam")
        for policy in iam.list_attached_user_policies(UserName="alice")["AttachedPolicies"]:
            iam.detach_user_policy(UserName="alice", PolicyArn=policy["PolicyArn"])


def test_the_page_about_a_voter_that_is_held_is_walked(place: Place) -> None:
    cluster = place.cluster
    gone, held, stays = (in_slot(cluster.look(), slot)[0] for slot in range(3))
    first, second = group_of(cluster, gone), group_of(cluster, held)
    zone = zone_of(cluster, held)
    alice = place.person("a-voter-is-held.md")
    walk = place.walk("a-voter-is-held.md", **{HELD: held, STAYS: stays})
    # The state.
    place.suspend(first)
    cluster.act("lose", gone)
    cluster.until(lambda seen: is_gone(seen, gone), f"{gone} does not leave", HEALTHY_SECONDS)
    cluster.act("close_zone", zone)
    terminate(cluster, held)
    place.named("LaunchLoop/slot-1", "ProcessesSuspended/slot-0", f"RemovalWaits/{held}")
    said = walk.said("See it", alice)
    # The first way out.
    with walk.meanwhile("Watch it", alice) as told:
        wait_for(lambda: "is Terminating:Wait" in told(), "the first look", HEALTHY_SECONDS)
        walk.paste(said, "aws autoscaling resume-processes", alice)
        (walk.words[NEW],) = cluster.until(lambda seen: in_slot(seen, 0), "nobody comes", HEALTHY_SECONDS)
        new = walk.words[NEW]
        for line in (f"{new} (slot 0) is voter", f"{held} (slot 1) is removed", f"{held} (slot 1) has left its group"):
            wait_for(partial(says, told, line), line, HEALTHY_SECONDS)
    place.named("LaunchLoop/slot-1")
    # The leading agent looks each half a minute, and status says what it saw last.
    cluster.until(lambda _: place.members() == {new, stays}, f"{held} is a member still", HEALTHY_SECONDS)
    walk.said("First way out: another voter joins", alice)
    # The state once more, with the new one as the one that is held.
    held = walk.words[HELD] = walk.words[NEW]
    place.suspend(first)
    place.suspend(second)
    # A launch that was tried before would find room now, suspended or not.
    cluster.until(lambda _: not place.launching(second), "a launch goes on", HEALTHY_SECONDS)
    cluster.act("free_zone", zone)
    terminate(cluster, held)
    two = ("LaunchLoop/slot-1", "ProcessesSuspended/slot-0", "ProcessesSuspended/slot-1")
    place.named(*two, f"RemovalWaits/{held}")
    # The second way out.
    said = walk.typed("make status STACK=my-cluster", alice).stdout
    walk.paste(said, "aws dynamodb put-item", alice, **{"YOUR NAME": "alice"})
    cluster.until(lambda seen: is_gone(seen, held), f"{held} does not leave", HEALTHY_SECONDS)
    place.named(*two)
    cluster.until(lambda _: place.members() == {stays}, f"{stays} is not the only member", HEALTHY_SECONDS)
    walk.said("Second way out: approve it", alice)
    for group in (first, second):
        place.suspend(group, "resume-processes")
    cluster.healthy(2 * HEALTHY_SECONDS)
    place.named()
    walk.said("When it is over", alice)
    walk.ended()


def ends(seen: Seen) -> bool:
    """Whether an instance is on its way out of its group."""
    return any(row.lifecycle_state.startswith("Terminating") for row in seen.rows)


def test_the_page_about_a_slot_that_does_not_boot_is_walked(place: Place) -> None:
    cluster = place.cluster
    before = cluster.healthy(HEALTHY_SECONDS)
    (good,) = images(cluster, before.control_planes)
    bad = cluster.rehearsal.control.register_image(IMAGELESS, SHORT)
    alice = place.person("a-slot-does-not-boot.md")
    walk = place.walk("a-slot-does-not-boot.md", **{GOOD_IMAGE: good})
    packaged = walk.typed(f"make package BUCKET={BUCKET}", place.owner)
    assert packaged.returncode == 0, packaged.stderr
    deploy = ["make", "deploy", f"STACK={STACK}", f"SET=ControlPlaneImage={bad}"]
    with subprocess.Popen(deploy, cwd=ROOT, env=place.owner, stdout=subprocess.DEVNULL) as deploying:
        walk.words[FAILED] = cluster.until(kept, "no boot fails for good", HEALTHY_SECONDS)
        # Those that failed before have gone.
        cluster.until(lambda seen: not ends(seen), "an instance terminates still", HEALTHY_SECONDS)
        said = walk.said("See it", alice)
        walk.said("Read its log", alice)
        # Too early, and so the next one fails, too.
        walk.paste(said, "aws autoscaling terminate-instance", alice)
        first = walk.words[FAILED]
        cluster.until(lambda seen: kept(seen) not in ("", first), "no other one is kept", HEALTHY_SECONDS)
        assert deploying.wait(UPDATE_SECONDS) == 2
    assert status(cluster) == "UPDATE_FAILED"
    walk.said("Correct it", place.owner)
    after = at_rest(cluster)
    assert images(cluster, after.control_planes) == {good}
    assert not after.control_planes & before.control_planes
    place.named()
    walk.said("What one sees then", alice)
    walk.ended()


def says(told: Callable[[], str], line: str) -> bool:
    """Whether what was told so far has it."""
    return line in told()


def kept(seen: Seen) -> str:
    """The instance of slot 0 that is kept for a person; empty where none is."""
    condition = seen.conditions.get("BootFailed/slot-0")
    stands = [name for name in in_slot(seen, 0) if seen.stage(name) == "boot-failed"]
    return next((name for name in stands if condition is not None and name in condition.next_step), "")


def zone_of(cluster: ClusterHarness, instance_id: str) -> str:
    """The zone of an instance."""
    found = cluster.rehearsal.local.client("ec2").describe_instances(InstanceIds=[instance_id])
    return str(found["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"])
