"""Names and base URLs become one canonical target, and nothing unsafe or secret gets through or is repeated."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.onefile.targets import HOSTS, NAMES, Target, is_loopback, resolve_target
from reconciler.problems import Invalid

PATH = "/api/v2.1"


@pytest.mark.parametrize(
    ("name", "base_url"),
    [
        ("live", "https://wsapi.onefile.co.uk/api/v2.1"),
        ("practice", "https://wsapi2.onefile.co.uk/api/v2.1"),
        ("beta", "https://wsapibeta.onefile.co.uk/api/v2.1"),
    ],
)
def test_a_name_and_its_url_are_the_same_target(name: str, base_url: str) -> None:
    """However the known server is written, plans and the store call it by its name."""
    assert resolve_target(name, None) == Target(name, base_url)
    for spelled in (base_url, base_url + "/", base_url.replace(".uk/", ".uk:443/"), base_url.replace("wsapi", "WSAPI")):
        assert resolve_target(spelled, None) == Target(name, base_url)
        assert resolve_target("sandbox", spelled) == Target(name, base_url)


def test_the_sandbox_is_embedded_and_has_no_url() -> None:
    """The default target needs no server, so it has no address."""
    assert resolve_target("sandbox", None) == Target("sandbox", "", embedded=True)
    assert resolve_target("sandbox", "  ") == Target("sandbox", "", embedded=True)


@pytest.mark.parametrize("name", [*NAMES, "http://localhost:1/api/v2.1", "nonsense"])
def test_the_environment_wins_over_the_target(name: str) -> None:
    """ONEFILE_BASE_URL decides whatever the settings or the option say."""
    assert resolve_target(name, "https://gateway.example/onefile/api/v2.1/") == Target(
        "https://gateway.example/onefile/api/v2.1", "https://gateway.example/onefile/api/v2.1"
    )


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://localhost:8000/api/v2.1", "http://localhost:8000/api/v2.1"),
        ("HTTP://LocalHost:80/api/v2.1/", "http://localhost/api/v2.1"),
        ("http://127.0.0.1:5000/api/v2.1", "http://127.0.0.1:5000/api/v2.1"),
        ("http://127.8.9.1/api/v2.1", "http://127.8.9.1/api/v2.1"),
        ("http://[::1]:8000/api/v2.1", "http://[::1]:8000/api/v2.1"),
        ("http://[0:0:0:0:0:0:0:1]/api/v2.1", "http://[::1]/api/v2.1"),
        ("https://[2001:db8::1]:8443/api/v2.1", "https://[2001:db8::1]:8443/api/v2.1"),
        ("https://onefile.example./api/v2.1", "https://onefile.example/api/v2.1"),
        ("https://onefile.example/a/b_c/api/v2.1", "https://onefile.example/a/b_c/api/v2.1"),
    ],
)
def test_a_url_is_normalised(url: str, normal: str) -> None:
    """Case, usual ports, long IPv6 forms, final dots and slashes do not make another target."""
    assert resolve_target(url, None) == Target(normal, normal)
    assert resolve_target(normal, None).name == normal


@pytest.mark.parametrize(
    "url",
    [
        "http://wsapi.onefile.co.uk/api/v2.1",
        "http://10.0.0.1/api/v2.1",
        "http://0.0.0.0/api/v2.1",
        "http://localhost.example.org/api/v2.1",
        "http://127.0.0.1.example.org/api/v2.1",
        "http://2130706433/api/v2.1",
        "http://0177.0.0.1/api/v2.1",
        "http://127.1/api/v2.1",
        "http://[::ffff:127.0.0.1]/api/v2.1",
        "http://[::]/api/v2.1",
        "http://[::2]/api/v2.1",
    ],
)
def test_plain_http_is_for_this_machine_only(url: str) -> None:
    """A host that only looks like loopback does not get a token in the clear."""
    with pytest.raises(Invalid, match="https"):
        resolve_target(url, None)


@pytest.mark.parametrize(
    "url",
    [
        "https://onefile.example/api/v2.1?key=opensesame",
        "https://onefile.example/api/v2.1#opensesame",
        "https://kate:opensesame@onefile.example/api/v2.1",
        "https://opensesame@onefile.example/api/v2.1",
        "https://kate:opensesame@/api/v2.1",
        "https://onefile.example@opensesame.example/api/v2.1",
        "https://kate:open%40sesame@onefile.example:x/opensesame",
        "https://opensesame.example\\@onefile.example/api/v2.1",
        "https:kate:opensesame@onefile.example/api/v2.1",
        "kate:opensesame@onefile.example/api/v2.1",
        "https://onefile.example/opensesame",
        "https://onefile.example/opensesame/api/v2.1/..",
        "https://onefile.example/../opensesame/api/v2.1",
        "https://onefile.example//opensesame/api/v2.1",
        "https://onefile.example/api/v2.1/opensesame",
        "https://onefile.example/api/v2.1;opensesame",
        "https://onefile.example/opensesame%2e/api/v2.1",
        "https://onefile.example/api/v2.1 opensesame",
        "https://onefile.example/api/\nv2.1opensesame",
        "https://onefile.example:99999/opensesame/api/v2.1",
        "https://onefile.example:0/api/v2.1",
        "https://onefile.example:opensesame/api/v2.1",
        "https:///api/v2.1",
        "https://[::1/opensesame/api/v2.1",
        "https://[fe80::1%25opensesame]/api/v2.1",
        "https://open_sesame.example/api/v2.1",
        "https://-opensesame.example/api/v2.1",
        "https://öpensesame.example/api/v2.1",
        "https://onefile..example/api/v2.1",
        "https://onefile.example",
        "https://onefile.example/API/V2.1",
        "https://onefile.example/api/v2",
        "https://onefile.example/xapi/v2x1",
        "ftp://onefile.example/api/v2.1",
        "file:///opensesame/api/v2.1",
        "//onefile.example/api/v2.1",
        "/api/v2.1",
    ],
)
@pytest.mark.parametrize("by", ["option", "environment"])
def test_an_unsafe_or_unclear_url_is_refused_and_not_repeated(url: str, by: str) -> None:
    """Each refusal says what is wrong and what to write, and quotes neither a password nor what could be one."""
    with pytest.raises(Invalid) as caught:
        resolve_target(*(("live", url) if by == "environment" else (url, None)))
    assert "sesame" not in str(caught.value)
    assert "Fix: " in str(caught.value)
    assert {problem.where for problem in caught.value.problems} == {
        "ONEFILE_BASE_URL" if by == "environment" else "target"
    }


def test_everything_that_is_wrong_is_said_at_once() -> None:
    """One run names the password, the query and the path."""
    with pytest.raises(Invalid) as caught:
        resolve_target("https://a:b@onefile.example/v1?x=1", None)
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(("name", "hint"), [("practise", "practice"), ("Live", "live"), ("sandbx", "sandbox")])
def test_a_misspelt_name_gets_a_suggestion(name: str, hint: str) -> None:
    """A name that is nearly one of ours is not guessed, but named."""
    with pytest.raises(Invalid, match=f"Did you mean {hint}"):
        resolve_target(name, None)


@pytest.mark.parametrize("text", ["", "   ", "8a6c0b1e2f9d4c7b", "x" * 500, "p@ssword1", "ünïcode"])
def test_what_may_be_a_token_is_not_repeated(text: str) -> None:
    """A token in the wrong place does not appear in the log."""
    with pytest.raises(Invalid) as caught:
        resolve_target(text, None)
    if text.strip():
        assert text not in str(caught.value)


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "https://[", "http://localhost:"]))
def test_any_text_is_a_safe_target_or_invalid(text: str, before: str) -> None:
    """Nothing crashes; what passes is normal already, and https or on loopback."""
    try:
        target = resolve_target(before + text + PATH, None)
    except Invalid:
        return
    assert resolve_target(target.name, None) == target
    assert target.base_url.endswith(PATH)
    assert target.base_url.startswith("https://") or is_loopback(urlsplit(target.base_url).hostname or "")


def test_the_names_are_the_hosts_and_the_sandbox() -> None:
    """Nothing is offered that cannot be resolved."""
    assert set(NAMES) == {"sandbox", *HOSTS}
    assert [resolve_target(name, None).name for name in NAMES] == list(NAMES)
