"""A proxy of the company's is asked for nothing that is on this computer."""

from __future__ import annotations

import urllib.request

import pytest

from rehearsal.local.steps import local_environment
from rehearsal.loopback import reach_directly


@pytest.mark.parametrize("before", ["", "corp.example", "corp.example,localhost", "*.corp.example,127.0.0.1,::1"])
def test_what_was_left_out_before_stays_left_out_and_nothing_stands_twice(before: str) -> None:
    environment = {"NO_PROXY": before} if before else {}
    for _ in range(2):
        reach_directly(environment)
    listed = environment["NO_PROXY"].split(",")
    assert len(listed) == len(set(listed))
    assert {*listed} >= {"localhost", "127.0.0.1", "::1", *filter(None, before.split(","))}


def test_programs_ask_no_proxy_for_the_local_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.corp.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert not urllib.request.proxy_bypass("localhost")
    found = local_environment("http://localhost:1234", "us-east-1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, found[name])
    assert urllib.request.proxy_bypass("localhost")
    assert urllib.request.proxy_bypass("127.0.0.1")
    assert not urllib.request.proxy_bypass("aws.amazon.com")
