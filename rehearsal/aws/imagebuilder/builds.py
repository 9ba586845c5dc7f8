"""A build: the states, workflows and steps that an image goes through, and what each leaves behind in the account.

What components would do is not done: the local AWS launches an instance, which asks for its components with its own
role, and an AMI comes of it. Names of steps and states, and the texts of failures, are those of AWS's own examples
(API reference, ListWorkflowStepExecutions; user guide, "Find the cause of a failed image build with failure context";
the samples of aws-samples for private subnets and for debugging).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.iam.requests.asked import Need
from rehearsal.aws.imagebuilder.api_base import moment
from rehearsal.aws.imagebuilder.distribution import Distributing
from rehearsal.aws.imagebuilder.errors import BuildFailed, Stopped
from rehearsal.aws.imagebuilder.log import BuildLog
from rehearsal.aws.imagebuilder.model import Body, ImageBuild, Workflow, WorkflowStep
from rehearsal.aws.imagebuilder.schedules import base_of

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws
    from rehearsal.aws.sessions import Session

LOG = logging.getLogger(__name__)

SESSION_SECONDS = 6 * 3600.0
AGENT_ACTIONS = (
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
"""Without these no agent of Systems Manager registers, and no command reaches the instance."""
TAGS = {"CreatedBy": "EC2 Image Builder"}
"""Of everything that Image Builder makes."""
PHASES = {"build": ("build", "validate"), "test": ("test",)}
"""What runs where (user guide, "How Image Builder uses components": validate is a part of the build)."""


@dataclass(frozen=True)
class Failure:
    """A step of a component that fails, or does not end."""

    component: str
    """What the component's name ends with."""
    phase: str
    step: str
    stderr: str = ""
    hangs: bool = False
    """It neither fails nor ends, until this is taken back or the build is cancelled."""


class Build:
    """One build, in a thread of its own."""

    def __init__(
        self,
        aws: LocalAws,
        region: str,
        image: ImageBuild,
        components: Mapping[str, Body],
        failures: Callable[[], Sequence[Failure]],
    ) -> None:
        self._aws = aws
        self._region = region
        self._image = image
        self._components = components
        self._failures = failures
        self._log = BuildLog(aws.client("logs", region), image)
        self._instance = ""

    def start(self) -> None:
        """Begin; the image is PENDING until then."""
        self._aws.on_stop(self._image.stopped.set)
        self._aws.work(f"image-{self._image.version}", self._run)

    def _run(self) -> None:
        try:
            self._wait(5)
            self._become("CREATING")
            base = self._base_image()
            self._wait(5)
            self._become("BUILDING")
            ami = self._build(base)
            self._image.amis = [self._described(ami)]
            self._become("TESTING")
            self._test(ami)
            self._become("DISTRIBUTING")
            self._wait(30)
            distributing = Distributing(self._aws, self._region, self._image, ami)
            self._image.amis = distributing.copy()
            self._become("INTEGRATING")
            self._wait(5)
            distributing.put_parameters()
            self._become("AVAILABLE")
        except Stopped:
            self._end("CANCELLED")
        except BuildFailed as failed:
            self._log.say(f"Image creation failed: {failed.reason}")
            self._end("FAILED", failed)
        except Exception as error:
            LOG.exception("the build of %s failed in the local AWS itself", self._image.arn)
            self._end("FAILED", BuildFailed(f"{type(error).__name__} in the local AWS: {error}"))

    def _base_image(self) -> Body:
        """The AMI that the recipe names, or that the parameter names which it does."""
        with _reported("The parent image cannot be found"):
            named = base_of(self._aws, self._region, self._image.recipe)
            found: Body = self._aws.client("ec2", self._region).describe_images(ImageIds=[named])["Images"][0]
        self._image.base = named
        return found

    def _build(self, base: Body) -> str:
        workflow = self._workflow(
            "build/build-image/1.0.3/1",
            "BUILD",
            [
                WorkflowStep("LaunchBuildInstance", "LaunchInstance"),
                WorkflowStep("ApplyBuildComponents", "ExecuteComponents"),
                WorkflowStep("InventoryCollection", "CollectImageMetadata"),
                WorkflowStep("RunSanitizeScript", "SanitizeInstance"),
                WorkflowStep("RunSysPrepScript", "RunSysPrep"),
                WorkflowStep("CreateOutputAMI", "CreateImage"),
                WorkflowStep("TerminateBuildInstance", "TerminateInstance"),
            ],
        )
        with self._running(workflow):
            with self._step(workflow, 0, 60):
                session = self._launch(base["ImageId"])
            with self._step(workflow, 1, 60):
                self._apply(workflow, session, "build")
            self._skip(workflow, 2)
            with self._step(workflow, 3, 10):
                pass
            self._skip(workflow, 4)
            with self._step(workflow, 5, 120):
                ami = self._register(base)
            with self._step(workflow, 6, 5):
                self._terminate()
        return ami

    def _test(self, ami: str) -> None:
        workflow = self._workflow(
            "test/test-image/1.0.2/1",
            "TEST",
            [
                WorkflowStep("LaunchTestInstance", "LaunchInstance"),
                WorkflowStep("ApplyTestComponents", "ExecuteComponents"),
                WorkflowStep("TerminateTestInstance", "TerminateInstance"),
            ],
        )
        with self._running(workflow):
            with self._step(workflow, 0, 60):
                session = self._launch(ami)
            with self._step(workflow, 1, 20):
                self._apply(workflow, session, "test")
            with self._step(workflow, 2, 5):
                self._terminate()

    def _launch(self, ami: str) -> Session:
        """An instance in the given place, and the credentials of its role once its agent has registered."""
        given = self._image.infrastructure
        with _reported("RunInstances failed"):
            place = {"SubnetId": given["subnetId"]} if given.get("subnetId") else {}
            groups = {"SecurityGroupIds": given["securityGroupIds"]} if given.get("securityGroupIds") else {}
            tags = {**TAGS, **(given.get("resourceTags") or {}), "Ec2ImageBuilderArn": self._image.arn}
            options = given.get("instanceMetadataOptions") or {}
            launched = self._aws.client("ec2", self._region).run_instances(
                ImageId=ami,
                InstanceType=(given.get("instanceTypes") or ["m5.large"])[0],
                MinCount=1,
                MaxCount=1,
                IamInstanceProfile={"Name": given["instanceProfileName"]},
                MetadataOptions={
                    "HttpTokens": options.get("httpTokens", "optional"),
                    "HttpPutResponseHopLimit": options.get("httpPutResponseHopLimit", 1),
                },
                TagSpecifications=[{"ResourceType": "instance", "Tags": _tag_list(tags)}],
                **place,
                **groups,
            )["Instances"][0]
            self._instance = launched["InstanceId"]
            profile = self._aws.client("iam").get_instance_profile(InstanceProfileName=given["instanceProfileName"])
        role = profile["InstanceProfile"]["Roles"][0]["Arn"]
        session = self._aws.sessions.issue(
            role, self._instance, SESSION_SECONDS, instance_arn=self._instance_arn(), vpc_id=launched.get("VpcId")
        )
        needs = [Need(action) for action in AGENT_ACTIONS]
        if enforcement_of(self._aws).problem(session, self._region, needs) is not None:
            raise BuildFailed("InvalidInstanceId when calling the SendCommand operation: SSM Agent verification failed")
        self._log.say(f"Launched {self._instance} for {self._image.arn}")
        return session

    def _apply(self, workflow: Workflow, session: Session, where: str) -> None:
        """Each component's phases, asked for and logged by the instance itself."""
        builder = self._aws.client("imagebuilder", self._region, session)
        log = BuildLog(self._aws.client("logs", self._region, session), self._image)
        for each in self._image.recipe.get("components") or []:
            with _reported("The instance cannot read its component"):
                component = builder.get_component(componentBuildVersionArn=each["componentArn"])["component"]
                log.say(f"Document {component['arn']}")
            for phase in PHASES[where]:
                self._run_phase(component, phase, log)

    def _run_phase(self, component: Body, phase: str, log: BuildLog) -> None:
        def ordered() -> list[Failure]:
            return [
                each for each in self._failures() if each.phase == phase and component["name"].endswith(each.component)
            ]

        while any(each.hangs for each in ordered()):
            self._wait(5)
        for failure in ordered():
            log.say(f"Phase {phase}", f"Step {failure.step}")
            log.say(*(f"CmdExecution: Stderr: {line}" for line in failure.stderr.splitlines()))
            log.say("CmdExecution: ExitCode 1")
            raise BuildFailed(
                f"Document {component['arn']} failed!",
                component={
                    "componentArn": component["arn"],
                    "phaseName": phase,
                    "stepName": failure.step,
                    "action": "ExecuteBash",
                    "errorMessage": "exit status 1",
                },
            )
        log.say(f"Phase {phase} succeeded")

    def _register(self, base: Body) -> str:
        ec2 = self._aws.client("ec2", self._region)
        given = self._settings()
        name = (given.get("name") or f"{self._image.name} {{{{ imagebuilder:buildDate }}}}").replace(
            "{{ imagebuilder:buildDate }}", moment(self._aws.clock).replace(":", "-")
        )
        tags = {**TAGS, **(given.get("amiTags") or {}), "Ec2ImageBuilderArn": self._image.arn}
        registered = ec2.register_image(
            Name=name,
            Description=given.get("description") or "",
            Architecture=base["Architecture"],
            RootDeviceName=base.get("RootDeviceName") or "/dev/xvda",
            VirtualizationType="hvm",
            BlockDeviceMappings=[
                {"DeviceName": each["deviceName"], "Ebs": _volume(each.get("ebs") or {})}
                for each in self._image.recipe.get("blockDeviceMappings") or []
            ],
            TagSpecifications=[{"ResourceType": "image", "Tags": _tag_list(tags)}],
        )
        return str(registered["ImageId"])

    def _terminate(self) -> None:
        if self._instance:
            self._aws.client("ec2", self._region).terminate_instances(InstanceIds=[self._instance])
            self._instance = ""

    # states, workflows and steps
    def _become(self, status: str) -> None:
        if self._image.stopped.is_set():
            raise Stopped
        with self._aws.lock:
            self._image.state = {"status": status}

    def _end(self, status: str, failed: BuildFailed | None = None) -> None:
        keeps = failed is not None and self._image.infrastructure.get("terminateInstanceOnFailure") is False
        if not keeps and not self._aws.stopping.is_set():
            self._terminate()
        with self._aws.lock:
            state: Body = {"status": status}
            if failed is not None:
                state["reason"] = failed.told
                state["failureContext"] = {"imageStatus": self._image.state["status"], **failed.context}
            self._image.state = state

    def _workflow(self, name: str, kind: str, steps: list[WorkflowStep]) -> Workflow:
        place = ":".join(self._image.arn.split(":")[:4])
        workflow = Workflow(f"{place}:aws:workflow/{name}", kind, steps)
        with self._aws.lock:
            self._image.workflows.append(workflow)
        return workflow

    @contextlib.contextmanager
    def _running(self, workflow: Workflow) -> Iterator[None]:
        with self._told(workflow):
            try:
                yield
            except BuildFailed as failed:
                workflow.message = failed.reason
                failed.context |= {"workflowExecutionId": workflow.identity, "workflowArn": workflow.arn}
                raise

    @contextlib.contextmanager
    def _step(self, workflow: Workflow, number: int, seconds: float) -> Iterator[None]:
        step = workflow.steps[number]
        with self._told(step):
            try:
                self._wait(seconds)
                yield
            except BuildFailed as failed:
                step.outputs = failed.reason
                failed.context |= {"stepExecutionId": step.identity, "failedStep": step.name}
                raise

    @contextlib.contextmanager
    def _told(self, part: Workflow | WorkflowStep) -> Iterator[None]:
        """A part's status and times while it runs, and once it has ended."""
        part.status, part.started = "RUNNING", moment(self._aws.clock)
        try:
            yield
        except Stopped:
            part.status = "CANCELLED"
            raise
        except BuildFailed:
            part.status = "FAILED"
            raise
        else:
            part.status = "COMPLETED"
        finally:
            part.ended = moment(self._aws.clock)

    def _skip(self, workflow: Workflow, number: int) -> None:
        workflow.steps[number].status = "SKIPPED"

    def _wait(self, seconds: float) -> None:
        if self._image.stopped.wait(self._aws.clock.real_seconds(seconds)):
            raise Stopped

    def _settings(self) -> Body:
        """What the distribution says of the AMI in this region."""
        for each in (self._image.distribution or {}).get("distributions") or []:
            if each["region"] == self._region:
                return dict(each.get("amiDistributionConfiguration") or {})
        return {}

    def _described(self, ami: str) -> Body:
        return {"region": self._region, "image": ami, "name": self._image.name, "accountId": self._aws.account_id}

    def _instance_arn(self) -> str:
        partition = self._image.arn.split(":")[1]
        return f"arn:{partition}:ec2:{self._region}:{self._aws.account_id}:instance/{self._instance}"


@contextlib.contextmanager
def _reported(what: str) -> Iterator[None]:
    """An error of AWS is why the build fails."""
    try:
        yield
    except ClientError as error:
        raise BuildFailed(f"{what}: {error.response['Error'].get('Message', error)}") from error


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _volume(ebs: Mapping[str, Any]) -> dict[str, Any]:
    names = {"encrypted": "Encrypted", "deleteOnTermination": "DeleteOnTermination", "kmsKeyId": "KmsKeyId"}
    names |= {"volumeSize": "VolumeSize", "volumeType": "VolumeType"}
    return {names[name]: value for name, value in ebs.items() if name in names}
