"""Whether a component is ready, by what it answers; how it is asked is the business of userdata.host.https."""

from __future__ import annotations

import pytest

from coordination.outcomes import Done, Known, Unknown
from userdata.host import https
from userdata.host.https import Answer, NoAnswer
from userdata.kube.probe import probe

SILENT = NoAnswer("kube-scheduler at 127.0.0.1: TimeoutError", "TimeoutError")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Known(Answer(200, b"ok")), Done()),
        (Known(Answer(500, b"no")), Unknown("kube-scheduler at 127.0.0.1 answers /readyz with status 500", "HTTP 500")),
        # A redirect is no readiness.
        (Known(Answer(301, b"")), Unknown("kube-scheduler at 127.0.0.1 answers /readyz with status 301", "HTTP 301")),
        (SILENT, SILENT),
    ],
    ids=["ready", "not ready", "elsewhere", "silent"],
)
def test_only_a_component_that_answers_200_is_ready(
    answer: Known[Answer] | NoAnswer, outcome: Done | Unknown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https, "ask", lambda *asked, **given: answer)
    assert probe("kube-scheduler", "127.0.0.1", https.trusting_anybody, port=10259) == outcome
