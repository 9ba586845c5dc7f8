"""How often a control plane reads the settings for add-ons that its cluster may not have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from coordination.outcomes import Known, Unknown
from tests.unit.userdata.boot.faults import SETTINGS
from userdata.agent import addon_tasks
from userdata.agent.context import AgentContext
from userdata.agent.current_settings import KEPT_SECONDS, RecentSettings
from userdata.config.image import ImageFacts
from userdata.config.settings import ClusterSettings
from userdata.logs.lines import StageFailed


@dataclass
class Ssm:
    """Stands for the settings in SSM."""

    answer: Known[ClusterSettings] | Unknown
    readings: int = 0
    now: float = 1000.0

    def read(self, *_: Any) -> Known[ClusterSettings] | Unknown:
        self.readings += 1
        return self.answer

    def seconds(self) -> float:
        return self.now


@pytest.fixture
def ssm() -> Ssm:
    return Ssm(Known(SETTINGS))


def test_a_cluster_without_add_ons_reads_its_settings_once_a_minute(
    ssm: Ssm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addon_tasks, "client", lambda name: name)
    monkeypatch.setattr(addon_tasks, "read_cluster", ssm.read)
    monkeypatch.setattr(addon_tasks, "RecentSettings", lambda read: RecentSettings(read, ssm.seconds))
    node = SimpleNamespace(cluster_uuid="uuid", parameters="/holdfast/uuid")
    context = SimpleNamespace(
        root=tmp_path, node=node, identity=SimpleNamespace(instance_id="i-1"), settings=SETTINGS, image=ImageFacts()
    )
    tasks = addon_tasks.handing_over(cast(AgentContext, context))
    assert {task.period_seconds for task in tasks} == {30.0, 60.0}
    for second in range(0, 600, 30):
        ssm.now = 1000.0 + second
        for task in tasks:
            if second % task.period_seconds == 0:
                assert task.run() == ""
    assert ssm.readings == 10


def test_what_a_deploy_has_changed_is_known_a_minute_later(ssm: Ssm) -> None:
    settings = RecentSettings(ssm.read, ssm.seconds)
    assert settings().ebs_csi_role == ""
    ssm.answer = Known(replace(SETTINGS, ebs_csi_role="arn:role"))
    assert settings().ebs_csi_role == ""
    ssm.now += KEPT_SECONDS
    assert settings().ebs_csi_role == "arn:role"


def test_settings_that_cannot_be_read_now_are_told_by_nobody(ssm: Ssm) -> None:
    settings = RecentSettings(ssm.read, ssm.seconds)
    settings()
    ssm.now += KEPT_SECONDS
    ssm.answer = Unknown("GetParametersByPath: ReadTimeoutError")
    for _ in range(2):
        with pytest.raises(StageFailed, match="ReadTimeoutError"):
            settings()
    ssm.answer = Known(SETTINGS)
    assert settings() == SETTINGS
    assert ssm.readings == 4
