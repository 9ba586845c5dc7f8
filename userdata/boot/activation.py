"""From a member to a node in service: what a founder, a joiner and a node that was rebooted have in common."""

from __future__ import annotations

from coordination.boots import START_AGENT
from coordination.names import slot_group
from coordination.outcomes import Done, NoOp, Request, Unknown
from userdata.addons import installing
from userdata.addons.filling import ManifestError
from userdata.boot.context import Context
from userdata.boot.failures import StepFailed
from userdata.boot.ports import JoinDataPublisher
from userdata.boot.readiness import wait_until_served
from userdata.boot.retry import Attempt, until_done, until_told
from userdata.boot.stages import RunningStage
from userdata.config.cluster import values
from userdata.faults.fault import Fault, unsorted
from userdata.host.https import Unavailable
from userdata.kube import rights
from userdata.kube.access import Access
from userdata.kube.client import Api
from userdata.kube.outcomes import Change
from userdata.kubeadm import addon_config
from userdata.logs.lines import StageFailed
from userdata.pki.placing import cluster_authority

AGENT_UNIT = "holdfast-agent.service"

_TRIES = 10


class Activation:
    """The last stages. Each may be repeated: a node that is rebooted in the middle goes through all of them again."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def serve(self) -> None:
        """Start what is here, and wait until it serves. Raises StageFailed."""
        with self._context.stages.stage("serve") as told:
            self._context.system.start_kubelet()
            wait_until_served(self._context, told)

    def publish(self, tokens: JoinDataPublisher) -> None:
        """Publish what workers join by. The agents see to it, too, so what fails here is done a moment later."""
        with self._context.stages.stage("publish-join-data") as told:
            try:
                told.say(tokens.run())
            except StageFailed as failed:
                told.say(f"left to the agents: {failed}")

    def give_rights(self) -> None:
        """Give the agents their rights in the cluster. Raises StageFailed.

        Every control plane does it, because the agents cannot, and a founder may be lost before.
        """
        with self._context.stages.stage("rights") as told:
            self._give_rights(told)

    def _give_rights(self, told: RunningStage) -> None:
        access = Access(self._context.instance_id, self._context.root)

        def give() -> Change:
            try:
                with access.administrator() as credentials:
                    return rights.install(Api(self._context.identity.address, credentials))
            except Unavailable as error:
                raise StepFailed(unsorted(str(error))) from error

        self._try(give, told, 1)

    def complete_launch_hook(self) -> None:
        """Complete the launch hook. Raises StageFailed."""
        context = self._context
        with context.stages.stage("launch-hook") as told:
            self._try(context.own_group.complete_launch, told)
            context.launch_hook.close()

    def signal(self) -> bool:
        """Tell the stack that this slot's new node serves: it waits for that during an update. Whether it was told.

        At other times it does not wait, which is as good: the resource was signalled, or nobody asked. A node that
        serves does not wait for a stack that cannot be told: `signal_late` goes on with it, beside the agent.
        """
        with self._context.stages.stage("signal") as told:
            try:
                self._try(lambda: self._tell_stack(told), told)
            except StageFailed as failed:
                told.say(f"the stack is told later: {failed}")
                return False
        return True

    def signal_late(self) -> None:
        """Tell the stack, for as long as it takes."""
        with self._context.stages.stage("signal") as told:
            until_told(
                lambda: self._tell_stack(told), self._context.image.pace.look, told, self._context.launch_hook.sleep
            )
        # As a node says whose stack was told at once.
        self._context.stages.store(stage=START_AGENT, reason="")

    def _tell_stack(self, told: RunningStage) -> Request:
        context = self._context
        outcome = context.stack.signal(slot_group(context.node_file.place))
        if isinstance(outcome, NoOp):
            told.say(outcome.reason)
        return outcome

    def install_addons(self) -> None:
        """Install the image's add-ons into a cluster that has none. What fails here is left to the agents."""
        with self._context.stages.stage("add-ons") as told:
            try:
                self._install_addons(told)
            except StageFailed as failed:
                told.say(f"left to the agents: {failed}")

    def _install_addons(self, told: RunningStage) -> None:
        context = self._context
        try:
            addons = installing.of_image(
                context.root,
                values(context.settings, context.node_file, cluster_authority(context.root)),
                context.kubernetes_version,
                kube_proxy=context.image.kube_proxy,
            )
        except ManifestError as error:
            raise StepFailed(Fault(True, str(error), "Use an image whose add-ons are whole.")) from error
        except OSError as error:
            raise StageFailed(f"{error.filename}: {error.strerror}") from error
        address = context.identity.address
        configuration = addon_config.configuration(
            context.cluster(self._epoch()), address, context.image.host, context.root
        )

        def install() -> Done | Unknown:
            try:
                with Access(context.instance_id, context.root).kubectl(address, context.run) as here:
                    return installing.install(addons, here, context.root, configuration)
            except Unavailable as error:
                raise StepFailed(unsorted(str(error))) from error

        self._try(install, told)

    def _epoch(self) -> int:
        """The epoch of the cluster that is here. Raises StageFailed."""
        identity = self._context.disk.read().identity
        if identity is None:
            raise StageFailed("the file that says whose etcd data is on this node is missing")
        return identity.epoch

    def _try(self, attempt: Attempt, told: RunningStage, pause_seconds: float = 2) -> None:
        until_done(attempt, _TRIES, pause_seconds, told, self._context.launch_hook.sleep)

    def start_agent(self) -> None:
        """Hand the node over to its agent. Raises StageFailed."""
        with self._context.stages.stage(START_AGENT):
            self._context.system.start(AGENT_UNIT)
