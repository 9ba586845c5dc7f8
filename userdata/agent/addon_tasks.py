"""What an agent does for add-ons, wired to its node: installing them, and what those on control planes are handed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from coordination.adapters.clients import client
from coordination.names import Addon
from coordination.outcomes import Done, Unknown
from userdata.addons import installing
from userdata.addons.content import Addons
from userdata.addons.filling import ManifestError
from userdata.addons.places import AUTOSCALER, EBS_CSI
from userdata.agent import addons
from userdata.agent.context import AgentContext
from userdata.agent.current_settings import RecentSettings, current_settings
from userdata.agent.handed_credentials import HandedCredentials
from userdata.agent.serving_certificate import ServingCertificate
from userdata.agent.tasks import Task
from userdata.cloud.roles import assume
from userdata.config.cluster import values
from userdata.config.ssm import read_cluster
from userdata.host.commands import run
from userdata.host.https import Unavailable
from userdata.kube.access import Access
from userdata.kube.kubectl import KubectlTarget
from userdata.kubeadm import addon_config
from userdata.logs.lines import StageFailed
from userdata.pki.placing import cluster_authority


def installation(context: AgentContext, epoch: int) -> Task:
    """What installs add-ons into the cluster, which is in this epoch."""
    access, address = Access(context.identity.instance_id, context.root), context.identity.address
    settings = partial(current_settings, partial(read_cluster, client("ssm"), context.node.parameters))

    def wanted() -> Addons:
        try:
            return installing.of_image(
                context.root,
                values(settings(), context.node, cluster_authority(context.root)),
                context.kubernetes_version,
                kube_proxy=context.image.kube_proxy,
            )
        except ManifestError as error:
            raise StageFailed(str(error)) from error
        except OSError as error:
            raise StageFailed(f"{error.filename}: {error.strerror}") from error

    def install(found: Addons) -> Done | Unknown:
        told = addon_config.configuration(context.cluster(epoch), address, context.image.host, context.root)
        return with_kubectl(lambda here: installing.install(found, here, context.root, told))

    def install_more(found: Addons) -> Done | Unknown:
        return with_kubectl(lambda here: installing.install_more(found, here))

    def with_kubectl(work: Callable[[KubectlTarget], Done | Unknown]) -> Done | Unknown:
        try:
            with access.kubectl(address, run) as here:
                return work(here)
        except Unavailable as error:
            return Unknown(str(error))

    def asked() -> frozenset[Addon]:
        return frozenset() if context.image.kube_proxy else settings().addons

    return addons.task(asked, wanted, partial(installing.installed, context.api), install, install_more)


def handing_over(context: AgentContext) -> Sequence[Task]:
    """What gives add-ons on this node their credentials and certificates; a loop where others take minutes will do."""
    own, cluster, root = context.identity.instance_id, context.node.cluster_uuid, context.root
    sts = client("sts")
    # A file that is not there is due in every run, and what a cluster does not have is never there.
    settings = RecentSettings(partial(read_cluster, client("ssm"), context.node.parameters))
    # No deploy changes the autoscaler's.
    roles = {AUTOSCALER: lambda: context.settings.autoscaler_role, EBS_CSI: lambda: settings().ebs_csi_role}
    return (
        *(
            HandedCredentials(root, cluster, recipient, role, lambda arn: assume(sts, arn, own)).task()
            for recipient, role in roles.items()
        ),
        ServingCertificate(
            root,
            lambda: Addon.METRICS_SERVER in settings().addons,
            timedelta(seconds=context.image.lifetimes.kubelet),
        ).task(),
    )
