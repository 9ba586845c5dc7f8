"""`make image`, `make image-id` and IMAGE=latest, typed against the local AWS: a page's walk, and what can go wrong."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coordination.names import IMAGE_METADATA, IN_USE_TAG, UNLOCKED, image_parameter
from generator import image
from rehearsal.local import surroundings
from tests.integration.harness import REPOSITORY, LocalAwsHarness, wait_for

SPEED = 300
STACK = "images"
STATES = ["PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE"]
"""Of an image, in their order (API reference, ImageState)."""
STDERR = "curl: (22) The requested URL returned error: 404\nkubelet: cannot be fetched"
FAILING = {"component": "containerd", "phase": "build", "step": "programs", "stderr": STDERR}
HANGING = {"component": "packages", "phase": "build", "step": "install", "hangs": True}


@dataclass
class Builder:
    """The commands, for one image stack."""

    harness: LocalAwsHarness
    template: Path
    params: Path

    def run(self, command: str, *arguments: str, stack: str = STACK) -> tuple[int, str]:
        """Exit code, and everything that the command said."""
        return self.harness.deployment(command, "--stack", stack, *arguments)

    def image(self, *arguments: str, template: Path | None = None, stack: str = STACK) -> tuple[int, str]:
        """`make image`, with the bucket that the template needs."""
        named = ("--template", str(template or self.template), "--parameters", str(self.params))
        return self.run("image", *named, "--bucket", surroundings.BUCKET, *arguments, stack=stack)

    def start(self, command: str, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on meanwhile."""
        return subprocess.Popen(
            [sys.executable, "-m", "deployment", command, "--stack", STACK, *arguments],
            cwd=REPOSITORY,
            env=self.harness.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start_image(self) -> subprocess.Popen[str]:
        named = ("--template", str(self.template), "--parameters", str(self.params))
        return self.start("image", *named, "--bucket", surroundings.BUCKET)

    def begun(self, running: subprocess.Popen[str]) -> str:
        """The ARN of the image that a command has begun to build."""
        assert running.stdout is not None
        for line in running.stdout:
            if ":image/" in line:
                return line.strip()
        raise AssertionError(running.communicate())

    def newest(self) -> str:
        """What the parameter says."""
        value = self.harness.client("ssm").get_parameter(Name=image_parameter(STACK))["Parameter"]["Value"]
        return str(value)


@pytest.fixture(scope="module")
def place(harness: LocalAwsHarness) -> dict[str, str]:
    """A VPC with a private subnet and a public one."""
    surroundings.make_bucket(harness.client("s3"), harness.region)
    ec2 = harness.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made: dict[str, str] = {"VpcId": vpc}
    for name, cidr in (("private", "10.0.0.0/24"), ("public", "10.0.1.0/24")):
        zone = f"{harness.region}a"
        made[name] = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=made["public"], MapPublicIpOnLaunch={"Value": True})
    return made


@pytest.fixture(scope="module")
def builder(harness: LocalAwsHarness, place: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """A template as it is once all checksums are there, and values for it."""
    folder = tmp_path_factory.mktemp("image")
    body = json.loads(image.templates()[image.FILE])
    body["Metadata"][IMAGE_METADATA][UNLOCKED] = {}
    (folder / "image.json").write_text(json.dumps(body))
    values = {"VpcId": place["VpcId"], "SubnetId": place["private"]}
    values |= {"Sources": "s3://sources/sources.tar.gz", "SourcesSha256": "0" * 64}
    (folder / "params.json").write_text(json.dumps(values))
    return Builder(harness, folder / "image.json", folder / "params.json")


PAGE = (REPOSITORY / "docs" / "how-to" / "build-images.md").read_text(encoding="utf-8")


def typed(builder: Builder, target: str) -> tuple[int, str]:
    """A command of the page, with this module's names in place of the page's, as make expands it."""
    (line,) = [each.strip() for each in PAGE.splitlines() if each.startswith(f"    make {target} ")]
    words = {"my-image": STACK, "image-params.json": str(builder.params), "my-templates": surroundings.BUCKET}
    for name, own in words.items():
        line = line.replace(f"={name}", f"={own}")
    dry = [*shlex.split(line), "--dry-run", "--silent", f"OUT={builder.template.parent}"]
    plain = {"PATH": os.environ["PATH"]}
    done = subprocess.run(dry, cwd=REPOSITORY, env=plain, capture_output=True, text=True, check=True)
    environment = {**builder.harness.environment, "PATH": os.environ["PATH"]}
    command = ["sh", "-c", done.stdout.replace(".venv/check/bin/python", sys.executable)]
    ended = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr.split("\n", 1)[1]


@pytest.fixture(scope="module")
def built(builder: Builder) -> tuple[int, list[str]]:
    """What the page's `make image` said the first time."""
    code, said = typed(builder, "image")
    return code, said.splitlines()


@pytest.fixture
def failing(builder: Builder) -> Iterator[None]:
    """A component that fails."""
    order(builder, FAILING)
    yield
    order(builder)


@pytest.fixture
def hanging(builder: Builder) -> Iterator[None]:
    """Builds that do not end by themselves."""
    order(builder, HANGING)
    yield
    order(builder)


def order(builder: Builder, *failures: dict[str, Any]) -> None:
    """Have steps of components fail from now on."""
    url = f"{builder.harness.endpoint}/_imagebuilder/failures"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(failures).encode(), method="PUT")):
        pass


EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


# before there is an image
def test_before_the_first_image_each_command_says_what_to_type(builder: Builder) -> None:
    code, said = builder.run("image-id", stack="none")
    assert (code, said.count("\n")) == (2, 1)
    assert "there is no image of none in this region yet" in said
    assert said.endswith("make image STACK=none\n")
    code, said = builder.run("image-follow", stack="none")
    step = "make image STACK=none PARAMS=PARAMETERS.json"
    assert (code, said) == (2, f"there is no image stack none; to make it: {step}\n")
    for command in ("diff", "preflight"):
        code, said = builder.harness.deployment(command, "--image", "latest", "--image-stack", "none")
        assert (code, said.count("\n"), "no image of none" in said) == (2, 1, True)


def test_an_image_that_could_not_verify_what_it_is_made_of_is_not_begun(builder: Builder, tmp_path: Path) -> None:
    body = json.loads(builder.template.read_text())
    body["Metadata"][IMAGE_METADATA][UNLOCKED] = {"1.37": "kubeadm: no checksum; to fetch it: make image-lock"}
    unlocked = tmp_path / "image.json"
    unlocked.write_text(json.dumps(body))
    code, said = builder.image(template=unlocked, stack="refused")
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("no image of Kubernetes 1.37 can be built: kubeadm: no checksum")
    assert builder.run("image-follow", stack="refused")[0] == 2


@pytest.mark.parametrize("value", ["public", "subnet-0123456789abcdef0"])
def test_a_subnet_that_is_not_private_is_refused(builder: Builder, place: dict[str, str], value: str) -> None:
    code, said = builder.image("--set", f"SubnetId={place.get(value, value)}", stack="refused")
    assert (code, said.count("\n"), said.startswith("SubnetId: given subnet-")) == (2, 1, True)
    assert builder.run("image-follow", stack="refused")[0] == 2


# an image
def test_an_image_is_built_and_told_step_by_step_to_its_ids(builder: Builder, built: tuple[int, list[str]]) -> None:
    code, lines = built
    assert code == 0, lines
    assert [line for line in lines if line.endswith("CREATE_COMPLETE              Pipeline")]
    # Time runs fast here: a state may have passed between two looks.
    told = [found[1] for line in lines if (found := re.search(r" %  ([A-Z]+)", line))]
    assert told
    assert told == sorted(told, key=STATES.index)
    assert lines[-2].endswith("is AVAILABLE")
    assert lines[-1].split() == [builder.harness.region, builder.newest()]
    assert typed(builder, "image-id") == (0, f"{builder.newest()}\n")
    code, said = builder.run("image-id", "--json")
    assert (code, json.loads(said)) == (
        0,
        {"image": builder.newest(), "parameter": image_parameter(STACK), "version": 1},
    )


def test_a_build_that_has_ended_is_told_again_for_programs(builder: Builder, built: tuple[int, list[str]]) -> None:
    code, said = builder.run("image-follow", "--json")
    (line,) = said.splitlines()
    assert code == 0
    assert json.loads(line)["amis"] == {builder.harness.region: builder.newest()}


def test_a_failing_build_says_where_it_failed_and_prints_its_log(
    builder: Builder, built: tuple[int, list[str]], failing: None
) -> None:
    before = builder.newest()
    code, said = builder.image()
    lines = said.splitlines()
    assert code == 1, said
    assert lines[0] == f"{STACK} has nothing to change"
    assert "  step ApplyBuildComponents" in lines
    (place,) = [line for line in lines if line.startswith("  component ")]
    assert place.endswith("images-containerd, phase build, step programs: exit status 1")
    assert "  CmdExecution: Stderr: kubelet: cannot be fetched" in lines
    command = lines[-1].removeprefix("all of it: aws ")
    printed = subprocess.run(
        ["aws", *shlex.split(command)],
        env={**builder.harness.environment, "PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert {"CmdExecution: Stderr: kubelet: cannot be fetched", "Phase validate succeeded"} <= set(printed)
    assert builder.newest() == before
    code, said = builder.run("image-follow", "--json")
    told = json.loads(said.splitlines()[-1])
    assert (code, told["state"], told["phase"], told["component_step"]) == (1, "FAILED", "build", "programs")


def test_a_cancelled_build_is_told_as_one(builder: Builder, built: tuple[int, list[str]], hanging: None) -> None:
    running = builder.start_image()
    builder.harness.client("imagebuilder").cancel_image_creation(imageBuildVersionArn=builder.begun(running))
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 1, said
    assert (
        said.splitlines()[-1].partition(" is ")[2].startswith("CANCELLED: there is no image; to build one: make image")
    )


def test_whoever_stops_following_is_told_how_to_go_on(
    builder: Builder, built: tuple[int, list[str]], hanging: None
) -> None:
    running = builder.start_image()
    arn = builder.begun(running)
    assert running.stdout is not None
    # The step at which it hangs.
    assert next(line for line in running.stdout if "BUILDING      ApplyBuildComponents" in line)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=120)
    line = said.splitlines()[-1]
    assert running.returncode == 1
    assert line.startswith("stopped following; the build goes on in AWS. To follow it: make image-follow")
    assert f"STACK={STACK} REGION={builder.harness.region}" in line
    order(builder)
    code, said = typed(builder, "image-follow")
    assert (code, said.splitlines()[0]) == (0, arn)
    assert said.splitlines()[-1].split()[1] == builder.newest()


def test_a_stack_whose_creation_fails_is_told_with_its_reason_and_leaves_nothing(builder: Builder) -> None:
    builder.harness.client("logs").create_log_group(logGroupName="/aws/imagebuilder/taken")
    code, said = builder.image(stack="taken")
    assert code == 1, said
    assert "taken is DELETE_COMPLETE" in said
    assert "  BuildLogGroup (AWS::Logs::LogGroup): " in said
    code, said = builder.run("image-follow", stack="taken")
    assert (code, said.partition(";")[0]) == (2, "there is no image stack taken")


def test_cloudformation_acts_by_a_service_role_which_the_stack_keeps(builder: Builder) -> None:
    iam = builder.harness.client("iam")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "cloudformation.amazonaws.com"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arns = {}
    for name in ("deploys-images", "deploys-others"):
        arns[name] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))
    role, another = arns.values()
    code, said = builder.image("--role", role, stack="by-role")
    assert (code, said.splitlines()[0]) == (
        0,
        f"CloudFormation acts by {role}, and keeps it with by-role: from now on for everybody, without ROLE=",
    )
    stack = builder.harness.client("cloudformation").describe_stacks(StackName="by-role")["Stacks"][0]
    assert stack["RoleARN"] == role
    code, said = builder.image("--role", another, stack="by-role")
    assert (code, said.startswith(f"ROLE: given {another}; allowed: none, or {role}, by which CloudFormation")) == (
        2,
        True,
    )
    code, said = builder.image("--role", "images", stack="by-role")
    assert (code, said.startswith('ROLE: given "images"; allowed: the ARN of a role')) == (2, True)


def test_a_stack_that_builds_no_images_is_left_alone(builder: Builder) -> None:
    template = {"Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "v"}}}}
    builder.harness.client("cloudformation").create_stack(StackName="other", TemplateBody=json.dumps(template))
    for code, said in (builder.image(stack="other"), builder.run("image-follow", stack="other")):
        assert (code, said) == (2, "the stack other builds no images: it has no output PipelineArn\n")


# a deploy
@pytest.fixture(scope="module")
def packaged(builder: Builder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands for a cluster: its two images are parameters, and nothing is launched."""
    folder = tmp_path_factory.mktemp("cluster")
    kind = {"Type": "AWS::EC2::Image::Id"}
    root: dict[str, Any] = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Metadata": {"Holdfast": {"Cluster": "c", "ConfigurationDigest": "0", "GeneratorVersion": "0"}},
        "Parameters": {"ControlPlaneImage": kind, "WorkerImage": kind},
        "Resources": {
            name: {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Ref": name}}}
            for name in ("ControlPlaneImage", "WorkerImage")
        },
    }
    for resource in list(root["Resources"]):
        root["Resources"][f"{resource}Value"] = root["Resources"].pop(resource)
    (folder / "root.json").write_text(json.dumps(root))
    output = folder / "packaged.json"
    template = ("--template", str(folder / "root.json"), "--output", str(output))
    code, said = builder.harness.deployment("package", *template, "--bucket", surroundings.BUCKET)
    assert code == 0, said
    return output


def deployed(builder: Builder, name: str) -> dict[str, str]:
    """The values of a stack's parameters."""
    stack = builder.harness.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}


def tags(builder: Builder, ami: str) -> dict[str, str]:
    found = builder.harness.client("ec2").describe_images(ImageIds=[ami])["Images"][0]
    return {each["Key"]: each["Value"] for each in found.get("Tags", [])}


def test_the_latest_image_is_written_as_its_id_and_marked_as_in_use(
    builder: Builder, built: tuple[int, list[str]], packaged: Path
) -> None:
    newest = builder.newest()
    assert IN_USE_TAG not in tags(builder, newest)
    image_options = ("--image", "latest", "--image-stack", STACK)
    code, said = builder.harness.deployment("diff", "--stack", "c", "--template", str(packaged), *image_options)
    assert code == 0, said
    assert f"SET='ControlPlaneImage={newest} WorkerImage={newest}'" in said
    code, said = builder.harness.deployment("deploy", "--stack", "c", "--template", str(packaged), *image_options)
    assert code == 0, said
    assert f"the newest image is {newest} ({image_parameter(STACK)}, version " in said
    assert deployed(builder, "c") == {"ControlPlaneImage": newest, "WorkerImage": newest}
    assert tags(builder, newest)[IN_USE_TAG] == "true"


def test_what_is_set_by_hand_stays_beside_the_latest_image(
    builder: Builder, built: tuple[int, list[str]], packaged: Path
) -> None:
    own = builder.harness.client("ec2").register_image(Name="own", Architecture="x86_64")["ImageId"]
    options = ("--image", "latest", "--image-stack", STACK, "--set", f"WorkerImage={own}")
    code, said = builder.harness.deployment("deploy", "--stack", "mixed", "--template", str(packaged), *options)
    assert code == 0, said
    assert deployed(builder, "mixed") == {"ControlPlaneImage": builder.newest(), "WorkerImage": own}
    assert IN_USE_TAG not in tags(builder, own)


def test_an_image_of_another_account_is_deployed_and_not_marked(builder: Builder, packaged: Path) -> None:
    ec2 = builder.harness.client("ec2")
    foreign = next(each for each in ec2.describe_images()["Images"] if each["OwnerId"] != "123456789012")
    parameter = image_parameter("foreign")
    builder.harness.client("ssm").put_parameter(Name=parameter, Type="String", Value=foreign["ImageId"])
    options = ("--image", "latest", "--image-stack", "foreign")
    code, said = builder.harness.deployment("deploy", "--stack", "foreign", "--template", str(packaged), *options)
    assert code == 0, said
    assert set(deployed(builder, "foreign").values()) == {foreign["ImageId"]}
    assert IN_USE_TAG not in tags(builder, foreign["ImageId"])


@pytest.mark.parametrize(
    ("value", "said"),
    [("ami-0123456789abcdef0", "is not there, or is not shared with this account"), ("none", "allowed: the id")],
)
def test_a_parameter_that_names_no_image_is_refused(builder: Builder, value: str, said: str) -> None:
    name = image_parameter("stale")
    builder.harness.client("ssm").put_parameter(Name=name, Type="String", Value=value, Overwrite=True)
    code, told = builder.run("image-id", stack="stale")
    assert (code, told.count("\n"), name in told, said in told) == (2, 1, True, True)


def test_what_is_no_image_is_refused(builder: Builder) -> None:
    code, said = builder.harness.deployment("diff", "--stack", "c", "--image", "newest")
    assert (code, said) == (2, "IMAGE: given 'newest'; allowed: latest, or the id of an AMI\n")


def test_a_deleted_image_stack_is_made_anew_beside_its_images(builder: Builder, built: tuple[int, list[str]]) -> None:
    """The last test: what its images are named by stays, as Image Builder made it."""
    cloudformation, newest = builder.harness.client("cloudformation"), builder.newest()
    stack_id = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=STACK)
    wait_for(
        lambda: cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE",
        "the stack to be deleted",
    )
    assert builder.run("image-id") == (0, f"{newest}\n")
    code, said = builder.image()
    assert code == 0, said
    assert builder.newest() != newest
