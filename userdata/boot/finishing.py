"""From a member to a node in service: what a founder, a joiner and a node that was rebooted have in common."""

from __future__ import annotations

from coordination.outcomes import Settled, Unknown
from coordination.record import ClusterRecord
from userdata.addons import content, filling, installing
from userdata.addons.installing import Here
from userdata.boot.context import Context, jittered
from userdata.boot.failures import StepFailed, of_words
from userdata.boot.ports import Publisher
from userdata.boot.serving import wait_until_served
from userdata.cloud.lifecycle import signal
from userdata.kube import rights
from userdata.kube.access import Access
from userdata.kube.client import Api, Unavailable
from userdata.kubeadm.errors import Fault
from userdata.log import StageFailed
from userdata.stages import Told

AGENT_UNIT = "holdfast-agent.service"

_TRIES = 10


class Finishing:
    """The last stages. Each may be repeated: a node that is rebooted in the middle goes through all of them again."""

    def __init__(self, context: Context, record: ClusterRecord) -> None:
        self._context = context
        self._record = record

    def serve(self) -> None:
        """Start what is here, and wait until it serves. Raises StageFailed."""
        with self._context.stages.stage("serve") as told:
            self._context.system.start_kubelet()
            wait_until_served(self._context, told)

    def publish(self, tokens: Publisher) -> None:
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

    def _give_rights(self, told: Told) -> None:
        access = Access(self._context.instance_id, self._context.root)
        reason = ""
        for _ in range(_TRIES):
            try:
                with access.administrator() as credentials:
                    outcome = rights.install(Api(self._context.identity.address, credentials))
            except Unavailable as error:
                raise of_words(str(error)) from error
            reason = getattr(outcome, "reason", "")
            if not reason:
                return
            told.wait(reason)
            self._context.waiting.sleep(jittered(1))
        raise of_words(reason)

    def enter_service(self) -> None:
        """Complete the launch hook. Raises StageFailed."""
        context = self._context
        with context.stages.stage("launch-hook") as told:
            reason = ""
            for _ in range(_TRIES):
                outcome = context.own_group.complete_launch()
                if not isinstance(outcome, Unknown):
                    context.waiting.close()
                    return
                reason = outcome.reason
                told.wait(reason)
                context.waiting.sleep(jittered(2))
            raise of_words(reason)

    def signal(self) -> None:
        """Tell the stack that this slot's new node serves: it waits for that during an update. Raises StageFailed.

        At other times it does not, which is as good: the resource was signalled, or nobody asked.
        """
        context = self._context
        with context.stages.stage("signal") as told:
            reason = ""
            for _ in range(_TRIES):
                resource = f"Slot{context.node_file.place}"
                outcome = signal(
                    context.cloudformation, context.settings.control_plane_stack, resource, context.instance_id
                )
                if not isinstance(outcome, Unknown):
                    told.say(outcome.reason if isinstance(outcome, Settled) else "")
                    return
                reason = outcome.reason
                told.wait(reason)
                context.waiting.sleep(jittered(2))
            raise of_words(reason)

    def install_addons(self) -> None:
        """Install the image's add-ons into a cluster that has none. Raises StageFailed."""
        context = self._context
        with context.stages.stage("add-ons") as told:
            try:
                addons = content.addons(
                    {} if context.image.kube_proxy else installing.manifests(context.root),
                    values(context),
                    context.kubernetes_version,
                    kube_proxy=context.image.kube_proxy,
                )
            except filling.ManifestError as error:
                raise StepFailed(Fault(True, str(error), "Use an image whose add-ons are whole.")) from error
            here = Here(context.identity.address, context.run)
            reason = ""
            for _ in range(_TRIES):
                outcome = installing.install(addons, here)
                if not isinstance(outcome, Unknown):
                    return
                reason = outcome.reason
                told.wait(reason)
                context.waiting.sleep(jittered(2))
            raise of_words(reason)

    def start_agent(self) -> None:
        """Hand the node over to its agent. Raises StageFailed."""
        with self._context.stages.stage("start-agent"):
            self._context.system.start(AGENT_UNIT)


def values(context: Context) -> filling.Values:
    """What differs from one cluster's add-ons to another's."""
    return filling.Values(
        context.node_file.cluster_uuid,
        context.identity.region,
        context.settings.api_endpoint,
        context.settings.pod_cidr,
    )
