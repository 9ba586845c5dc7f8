"""A worker's first certificate: its key on disk, and asking an API server that answers well, badly or not at all."""

from __future__ import annotations

import json
import re
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coordination.outcomes import Done, Known, Reading, Unknown
from tests.unit.userdata.boot.signing_api import HANGS_UP, PATH, Answer, Call, SigningApi, refusal, said
from tests.unit.userdata.boot.signing_api import place as place  # a fixture
from tests.unit.userdata.secrecy import leaks, readable_files, texts
from tests.unit.userdata.tree import contents, modes
from userdata.boot import bootstrap_csr
from userdata.boot.bootstrap_csr import KEY_FILE, Asker, Denied, Key
from userdata.host.files import draft_of, private, write
from userdata.host.https import NoAnswer
from userdata.join.data import JoinData
from userdata.kubeadm.places import BOOTSTRAP_FILE, DISCOVERY_FILE
from userdata.kubeadm.tokens import new_token
from userdata.pki.inspecting import certificate_fingerprint, inspect, key_fingerprint
from userdata.pki.issuing import Leaf, new_authority, public_key
from userdata.pki.requests import parse

ME = "i-0123456789abcdef0"
TOKEN = new_token()


@pytest.fixture
def api(place: tuple[SigningApi, str]) -> SigningApi:
    """The API server, which knows the token."""
    place[0].reset()
    place[0].tokens.add(TOKEN.text)
    return place[0]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    """This node's key."""
    return bootstrap_csr.new(tmp_path_factory.mktemp("key"), ME)


@pytest.fixture
def asker(api: SigningApi, place: tuple[SigningApi, str], key: Key) -> Asker:
    """Who asks for its certificate."""
    return Asker(data(api, place[1]), ME, key)


def data(api: SigningApi, server: str) -> JoinData:
    """Join data that lead to a server, and trust the API's authority."""
    return JoinData(1, "e1", server, api.authority.bundle, TOKEN)


def name_of(key: Key) -> str:
    return f"holdfast-{ME}-{key.fingerprint[:12]}"


def known(root: Path) -> Key:
    """The key that was left."""
    kept = bootstrap_csr.kept(root, ME)
    assert isinstance(kept, Known)
    assert kept.value is not None
    return kept.value


# the key

HOLDERS = (KEY_FILE, DISCOVERY_FILE, BOOTSTRAP_FILE)

USELESS: Mapping[str, Callable[[Path, str], object]] = {
    "nothing": lambda path, key: path.touch(),
    "half a key": lambda path, key: path.write_text(key[: len(key) // 2], encoding="ascii"),
    "a key without its end": lambda path, key: path.write_text(key.partition("-----END")[0], encoding="ascii"),
    "a public key": lambda path, key: path.write_text(public_key(key), encoding="ascii"),
    "zeroes": lambda path, key: path.write_bytes(bytes(len(key))),
    "no text": lambda path, key: path.write_bytes(key.encode() + b"\xff\xfe"),
    "a folder": lambda path, key: path.mkdir(),
    "a link to itself": lambda path, key: path.symlink_to(path.name),
}


def test_a_new_key_is_kept_for_root_alone_with_a_request_for_the_nodes_name_and_its_fingerprint(tmp_path: Path) -> None:
    made = bootstrap_csr.new(tmp_path, ME)
    assert contents(tmp_path) == {KEY_FILE: made.private}
    assert modes(tmp_path)[KEY_FILE] == "600"
    assert modes(tmp_path)["/var/lib/holdfast"] == "700"
    asked = parse(made.request)
    assert (asked.organization, asked.common_name) == ("system:nodes", f"system:node:{ME}")
    assert (asked.names, asked.addresses) == ((), ())
    assert made.fingerprint == key_fingerprint(made.private) == asked.fingerprint


def test_a_key_that_an_interrupted_boot_has_left_is_used_again(tmp_path: Path) -> None:
    left = bootstrap_csr.new(tmp_path, ME)
    kept = known(tmp_path)
    assert (kept.private, kept.fingerprint) == (left.private, left.fingerprint)


def test_where_no_key_was_left_there_is_none_and_none_is_made(tmp_path: Path) -> None:
    assert bootstrap_csr.kept(tmp_path, ME) == Known(None)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("left", USELESS.values(), ids=USELESS)
def test_of_what_was_left_and_is_no_use_it_is_said_why_and_none_of_it_is_quoted(
    tmp_path: Path, left: Callable[[Path, str], object]
) -> None:
    made = bootstrap_csr.new(tmp_path, ME)
    path = tmp_path / KEY_FILE.lstrip("/")
    path.unlink()
    left(path, made.private)
    kept = bootstrap_csr.kept(tmp_path, ME)
    assert isinstance(kept, Unknown)
    assert re.match(
        r"openssl \w+ ended with 1: |/var/lib/holdfast/first-key.pem is no text$|\[Errno \d+\] ", kept.reason
    )
    assert leaks({"key": made.private}, texts(reason=kept.reason)) == []


def test_a_new_key_takes_the_place_of_the_one_that_is_kept(tmp_path: Path) -> None:
    old = bootstrap_csr.new(tmp_path, ME)
    made = bootstrap_csr.new(tmp_path, ME)
    assert made.fingerprint != old.fingerprint
    assert known(tmp_path).fingerprint == made.fingerprint


def test_a_draft_that_a_crash_has_left_is_no_key(tmp_path: Path) -> None:
    old = bootstrap_csr.new(tmp_path, ME)
    draft_of(tmp_path / KEY_FILE.lstrip("/")).write_text("-----BEGIN PRIV", encoding="ascii")
    assert known(tmp_path).fingerprint == old.fingerprint


def test_a_key_is_forgotten_once_and_again_wherever_a_join_has_put_it(tmp_path: Path) -> None:
    made = bootstrap_csr.new(tmp_path, ME)
    write(tmp_path, dict.fromkeys(HOLDERS, private(made.private)))
    for _ in range(2):
        assert bootstrap_csr.forget(tmp_path) == Done()
        assert contents(tmp_path) == {}


@pytest.mark.parametrize("holder", [KEY_FILE, DISCOVERY_FILE])
def test_a_draft_that_a_crash_has_left_is_forgotten_beside_what_was_there_before(tmp_path: Path, holder: str) -> None:
    made = bootstrap_csr.new(tmp_path, ME)
    write(tmp_path, {holder: private(made.private)})
    draft_of(tmp_path / holder.lstrip("/")).write_text(made.private, encoding="ascii")
    assert bootstrap_csr.forget(tmp_path) == Done()
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("stays", HOLDERS)
def test_what_cannot_be_removed_is_told_and_everything_else_is_removed(tmp_path: Path, stays: str) -> None:
    made = bootstrap_csr.new(tmp_path, ME)
    write(tmp_path, dict.fromkeys(HOLDERS, private(made.private)))
    (tmp_path / stays.lstrip("/")).unlink()
    # Of a folder nobody can say that it holds a key, but neither is it removed.
    write(tmp_path, {f"{stays}/in-the-way": private("")})
    left = bootstrap_csr.forget(tmp_path)
    assert isinstance(left, Unknown)
    assert re.fullmatch(
        rf"the first key could not be removed everywhere: \[Errno \d+\] [^']+: '{tmp_path}{stays}'", left.reason
    )
    assert contents(tmp_path) == {f"{stays}/in-the-way": ""}


def test_no_repr_and_no_readable_file_shows_the_key_or_the_token(tmp_path: Path, api: SigningApi) -> None:
    made = bootstrap_csr.new(tmp_path, ME)
    asker = Asker(data(api, "https://127.0.0.1:6443"), ME, made)
    held = {"key": made.private, "token": TOKEN.text, "token's secret": TOKEN.secret}
    shown = texts(key=repr(made), asker=f"{asker!r} {asker}", leaf=repr(Leaf("certificate", made.private)))
    assert leaks(held, [*shown, *readable_files(tmp_path)]) == []


# asking


def test_what_is_asked_for_is_a_client_certificate_of_the_kubelets_signer_with_the_token(
    asker: Asker, api: SigningApi, key: Key
) -> None:
    assert asker.ask() == Known(None)
    (call,) = api.calls
    assert (call.method, call.path, call.token, call.name) == ("POST", PATH, TOKEN.text, name_of(key))
    assert call.body is not None
    assert (call.body["apiVersion"], call.body["kind"]) == ("certificates.k8s.io/v1", "CertificateSigningRequest")
    assert call.body["spec"]["signerName"] == "kubernetes.io/kube-apiserver-client-kubelet"
    assert call.body["spec"]["usages"] == ["digital signature", "client auth"]
    assert api.request(call.name) == key.request


def test_until_somebody_approves_there_is_no_certificate_and_then_it_is_the_keys(
    asker: Asker, api: SigningApi, key: Key
) -> None:
    asker.ask()
    assert asker.issued() == Known(None)
    api.approve(name_of(key))
    found = asker.issued()
    assert isinstance(found, Known)
    assert found.value is not None
    assert found.value.key == key.private
    assert certificate_fingerprint(found.value.certificate) == key.fingerprint
    assert set(inspect(found.value.certificate).subject.split(",")) == {"O=system:nodes", f"CN=system:node:{ME}"}


def test_an_approval_that_no_controller_has_signed_yet_is_no_certificate(
    asker: Asker, api: SigningApi, key: Key
) -> None:
    asker.ask()
    api.refuse(name_of(key), kind="Approved")
    assert asker.issued() == Known(None)


def test_asking_again_with_the_same_key_changes_nothing(asker: Asker, api: SigningApi, key: Key) -> None:
    asker.ask()
    api.approve(name_of(key))
    before = dict(api.stored)
    assert asker.ask() == Known(None)
    assert api.stored == before
    assert isinstance(asker.issued(), Known)


def test_two_keys_ask_by_two_names(
    asker: Asker, api: SigningApi, place: tuple[SigningApi, str], tmp_path: Path
) -> None:
    other = bootstrap_csr.new(tmp_path, ME)
    asker.ask()
    Asker(data(api, place[1]), ME, other).ask()
    assert len(api.stored) == 2


@pytest.mark.parametrize("kind", ["Denied", "Failed"])
def test_a_request_that_was_refused_is_denied_in_the_words_of_whoever_refused_it(
    asker: Asker, api: SigningApi, key: Key, kind: str
) -> None:
    asker.ask()
    api.refuse(name_of(key), kind, "i-1 is a control plane" + "!" * 300)
    found = asker.issued()
    assert isinstance(found, Denied)
    assert found.reason.startswith("the request for a certificate was denied: i-1 is a control plane!!")
    assert len(found.reason) < 300


def test_a_refusal_goes_before_a_certificate(asker: Asker, api: SigningApi, key: Key) -> None:
    asker.ask()
    api.approve(name_of(key))
    api.stored[name_of(key)]["status"]["conditions"].append({"type": "Failed", "status": "True"})
    assert isinstance(asker.issued(), Denied)


def test_of_a_request_that_was_never_stored_nothing_is_known(asker: Asker, key: Key) -> None:
    said = f'the API answers 404: certificatesigningrequests "{name_of(key)}" not found'
    assert asker.issued() == Unknown(said, "HTTP 404")


# answers that are none

Look = Callable[[Asker], Reading[Any] | Denied]
LOOKS: Mapping[str, Look] = {"asking": Asker.ask, "looking": Asker.issued}
REFUSALS: Mapping[str, tuple[Answer, str]] = {
    "a token that has ended": (refusal(401, "Unauthorized", "Unauthorized"), "the API answers 401: Unauthorized"),
    "no right": (refusal(403, "Forbidden", 'User "x" cannot'), 'the API answers 403: User "x" cannot'),
    "a failure": (refusal(500, "InternalError", "etcdserver: no leader"), "the API answers 500: etcdserver: no leader"),
    # As the API server's own filters and balancers say it: without JSON.
    "too much to do": ((429, b"Too many requests, please try again later.\n"), "the API answers 429: "),
    "a server that ends": ((503, b"Service Unavailable"), "the API answers 503: "),
    "nothing but a status": ((502, b""), "the API answers 502: "),
    "a refusal that is no object": (said(500, ["no"]), "the API answers 500: "),
    "a message that is no text": (said(500, {"message": {"a": 1}}), "the API answers 500: {'a': 1}"),
    "a message without an end": (said(500, {"message": "x" * 5000}), f"the API answers 500: {'x' * 200}"),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize(("answer", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_unknown_with_its_status_and_the_first_of_its_words(
    asker: Asker, api: SigningApi, look: Look, answer: Answer, reason: str
) -> None:
    api.instead = lambda call: answer
    assert look(asker) == Unknown(reason, f"HTTP {answer[0]}")


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_connection_that_ends_without_an_answer_is_unknown(asker: Asker, api: SigningApi, look: Look) -> None:
    api.instead = lambda call: HANGS_UP
    found = look(asker)
    assert isinstance(found, Unknown)
    assert found.reason == "the API at 127.0.0.1: RemoteDisconnected: Remote end closed connection without response"


def test_a_reply_that_was_lost_does_no_harm_for_the_next_try_finds_the_request(
    asker: Asker, api: SigningApi, key: Key
) -> None:
    def lose(call: Call) -> Answer | None:
        api.answer(call)
        return HANGS_UP

    api.instead = lose
    assert isinstance(asker.ask(), Unknown)
    api.instead = api.answer
    assert asker.ask() == Known(None)
    assert list(api.stored) == [name_of(key)]


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_server_that_says_nothing_is_unknown_after_a_while(
    asker: Asker, api: SigningApi, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = threading.Event()

    def silent(call: Call) -> Answer | None:
        heard.wait(5)
        return HANGS_UP

    api.instead = silent
    monkeypatch.setattr(bootstrap_csr, "_SECONDS", 0.1)
    found = look(asker)
    heard.set()
    assert found == NoAnswer("the API at 127.0.0.1: TimeoutError: The read operation timed out", "TimeoutError")


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_where_nobody_listens_it_is_unknown(api: SigningApi, key: Key, look: Look) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = look(Asker(data(api, f"https://127.0.0.1:{port}"), ME, key))
    reason = "the API at 127.0.0.1: ConnectionRefusedError: [Errno 111] Connection refused"
    assert found == NoAnswer(reason, "ConnectionRefusedError")


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_whoever_has_a_certificate_of_another_authority_never_sees_the_token(
    api: SigningApi, key: Key, look: Look, tmp_path: Path
) -> None:
    with api.serving(tmp_path, new_authority("kubernetes", datetime.now(UTC))) as server:
        found = look(Asker(data(api, server), ME, key))
    assert isinstance(found, Unknown)
    assert "certificate verify failed" in found.reason
    assert api.calls == []


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_certificate_for_another_name_is_not_believed_either(
    api: SigningApi, place: tuple[SigningApi, str], key: Key, look: Look
) -> None:
    found = look(Asker(data(api, place[1].replace("127.0.0.1", "localhost")), ME, key))
    assert isinstance(found, Unknown)
    assert "certificate verify failed" in found.reason
    assert api.calls == []


def test_the_systems_own_authorities_are_not_believed(
    api: SigningApi, place: tuple[SigningApi, str], key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ssl.SSLContext] = []
    create = ssl.create_default_context

    def watched(**told: Any) -> ssl.SSLContext:
        made.append(create(**told))
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", watched)
    Asker(data(api, place[1]), ME, key).ask()
    assert [len(context.get_ca_certs()) for context in made] == [1]


# answers that cannot be understood

STATES: Mapping[str, object] = {
    "a text in place of the state": {"status": "Approved"},
    "a list in place of the state": {"status": [1]},
    "conditions that are no list": {"status": {"conditions": 7}},
    "a condition that is no object": {"status": {"conditions": [None]}},
    "a certificate that is no base64": {"status": {"certificate": "a"}},
    "a certificate that is no text": {"status": {"certificate": {"a": 1}}},
    "a certificate that is no PEM": {"status": {"certificate": "AAAA"}},
    "a certificate of bytes": {"status": {"certificate": "//79"}},
    "a list": [1],
    "a text": "Approved",
    "null": None,
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_a_state_that_cannot_be_understood_is_unknown(asker: Asker, api: SigningApi, state: object) -> None:
    api.instead = lambda call: said(200, state)
    assert asker.issued() == Unknown("the API's answer about the request for a certificate cannot be understood")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"<html>", b" " * (1 << 20) + b"{}"])
def test_an_answer_that_is_no_json_or_too_large_is_no_certificate(asker: Asker, api: SigningApi, body: bytes) -> None:
    api.instead = lambda call: (200, body)
    assert isinstance(asker.issued(), Unknown)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "conditions", "type", "certificate", "message"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
REASON = re.compile(r"the API answers [0-9]{3}: |the API's answer |the API at 127\.0\.0\.1: ")


# The server is the module's, and every example answers anew.
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.fixed_dictionaries({}, optional={"status": JSON}) | JSON, status=st.sampled_from([200, 200, 200, 401, 500])
)
def test_whatever_the_api_answers_nobody_takes_it_for_a_certificate(
    asker: Asker, api: SigningApi, body: object, status: int
) -> None:
    api.instead = lambda call: said(status, body)
    found = asker.issued()
    assert found == Known(None) or isinstance(found, Denied) or REASON.match(getattr(found, "reason", ""))
    assert status == 200 or isinstance(found, Unknown)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=40), status=st.integers(200, 599))
def test_a_request_is_stored_where_it_was_created_or_is_there_and_nowhere_else(
    asker: Asker, api: SigningApi, body: bytes, status: int
) -> None:
    api.instead = lambda call: (status, body)
    assert isinstance(asker.ask(), Known) is (status in (201, 409))


def test_no_reason_quotes_the_token(asker: Asker, api: SigningApi) -> None:
    held = {"token": TOKEN.text}
    reasons = []
    for answer in (HANGS_UP, refusal(401, "Unauthorized", "Unauthorized"), (200, b"{"), said(500, {})):
        api.instead = lambda call, answer=answer: answer  # type: ignore[misc]
        reasons += [getattr(look(asker), "reason", "") for look in LOOKS.values()]
    assert leaks(held, texts(reasons=json.dumps(reasons))) == []
    assert all(call.token == TOKEN.text for call in api.calls)


def test_a_token_that_no_header_can_hold_is_unknown_and_not_quoted(api: SigningApi, key: Key) -> None:
    broken = f"{secrets.token_hex(3)}.\n{secrets.token_hex(8)}"

    class Broken:
        text = broken

    told = JoinData(1, "e1", "https://127.0.0.1:1", api.authority.bundle, Broken())  # type: ignore[arg-type]
    found = Asker(told, ME, key).ask()
    assert isinstance(found, Unknown)
    assert broken not in found.reason
