"""The search for secrets finds them: a search that finds nothing anywhere would prove nothing."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.unit.userdata.secrecy import all_files, leaks, pki_secrets, process_arguments, readable_files, texts
from userdata.pki.issuing import new_pki

PKI = new_pki(datetime.now(UTC))
SECRETS = pki_secrets(PKI)
KEY = PKI.cluster.keys[0]


def test_every_secret_of_a_set_is_looked_for() -> None:
    assert len(SECRETS) == 5


def test_a_key_is_found_as_it_is_in_json_in_base64_and_without_its_armour() -> None:
    forms = {
        "plain": f"before {KEY} after",
        "json": json.dumps({"key": KEY}),
        "base64": base64.b64encode(KEY.encode()).decode(),
        "bare": "".join(KEY.splitlines()[1:-1]),
    }
    assert leaks(SECRETS, texts(**forms)) == sorted(f"key 0 of cluster is in {form}" for form in forms)


def test_what_is_public_is_no_leak() -> None:
    public = PKI.cluster.bundle + PKI.etcd.bundle + "".join(PKI.service_accounts.public)
    assert leaks(SECRETS, texts(public=public, representation=repr(PKI))) == []


def test_a_file_that_others_may_read_is_looked_into(tmp_path: Path) -> None:
    open_file, closed = tmp_path / "open", tmp_path / "closed"
    open_file.write_text(KEY)
    closed.write_text(KEY)
    closed.chmod(0o600)
    assert leaks(SECRETS, readable_files(tmp_path)) == [f"key 0 of cluster is in {open_file}"]
    assert len(leaks(SECRETS, all_files(tmp_path))) == 2


def test_arguments_of_processes_are_looked_into() -> None:
    secret = PKI.encryption[0].secret
    command = [sys.executable, "-c", "print(flush=True); input()", secret]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = leaks(SECRETS, process_arguments())
        process.communicate(b"\n")
    assert f"encryption key key1 is in cmdline of process {process.pid}" in found
