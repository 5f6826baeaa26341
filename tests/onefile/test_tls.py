"""Laws of TLS: a certificate is always verified, with the usual authorities and those that a centre names."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from reconciler.onefile.tls import tls_context
from reconciler.problems import Invalid, ServiceError, Unreachable
from tests.onefile.servers import onefile_at, wire
from tests.onefile.test_http import HEAD, Writer, reading


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def named(authority: trustme.CA, path: Path) -> str:
    """Write the authority's own certificate to a file."""
    authority.cert_pem.write_to_path(path)
    return str(path)


def meet(certificate: trustme.LeafCert, ca_file: str = "") -> tuple[object, list[bytes]]:
    """Read from a server with that certificate; return the result and the requests that the server received."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)

    async def talk(head: bytes, writer: Writer) -> None:
        writer.write(HEAD + b"Content-Length: 1\r\n\r\n1")

    async def main() -> tuple[object, list[bytes]]:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's own complaint
        async with wire(talk, tls=tls) as (base_url, heads):
            try:
                async with onefile_at(base_url, ca_file=ca_file) as client:
                    return await reading(client), heads
            except ServiceError as error:
                return error, heads

    return asyncio.run(main())


def test_an_authority_that_is_named_is_believed(authority: trustme.CA, tmp_path: Path) -> None:
    """A centre whose proxy inspects TLS needs this."""
    ca_file = named(authority, tmp_path / "ca.pem")
    assert meet(authority.issue_cert("127.0.0.1"), ca_file)[0] == 1


def test_an_authority_that_is_not_named_is_refused_at_once(authority: trustme.CA) -> None:
    """On loopback too; it is not retried, nothing was sent, and the fix names the variable."""
    met, heads = meet(authority.issue_cert("127.0.0.1"))
    assert isinstance(met, Unreachable)
    assert "ONEFILE_CA_FILE" in str(met) and "tried" not in str(met)
    assert heads == []


def test_another_authority_does_not_do(authority: trustme.CA, tmp_path: Path) -> None:
    """Naming an authority does not switch verification off."""
    met, heads = meet(authority.issue_cert("127.0.0.1"), named(trustme.CA(), tmp_path / "other.pem"))
    assert isinstance(met, Unreachable)
    assert heads == []


@pytest.mark.parametrize("host", ["onefile.example", "127.0.0.2", "*.example"])
def test_a_certificate_for_another_host_is_refused(authority: trustme.CA, host: str, tmp_path: Path) -> None:
    """Even from a trusted authority: the host name is verified too."""
    met, heads = meet(authority.issue_cert(host), named(authority, tmp_path / "ca.pem"))
    assert isinstance(met, Unreachable)
    assert "CERTIFICATE" in str(met)
    assert heads == []


def test_the_usual_variable_works_beside_ours(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE says who is usual, ONEFILE_CA_FILE adds to them."""
    monkeypatch.setenv("SSL_CERT_FILE", named(authority, tmp_path / "usual.pem"))
    other = trustme.CA()
    assert meet(authority.issue_cert("127.0.0.1"))[0] == 1
    ca_file = named(other, tmp_path / "ours.pem")
    assert meet(authority.issue_cert("127.0.0.1"), ca_file)[0] == 1
    assert meet(other.issue_cert("127.0.0.1"), ca_file)[0] == 1


def test_every_way_verifies(authority: trustme.CA, tmp_path: Path) -> None:
    """Chain and host name, with the protocols of today, whatever is named."""
    for ca_file in ("", named(authority, tmp_path / "ca.pem")):
        context = tls_context(ca_file)
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
        assert context.cert_store_stats()["x509_ca"] > 10


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "broken"),
        (b"\x30\x82\x01\x01DER", "no certificate"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no certificate"),
    ],
)
def test_a_file_of_authorities_that_cannot_be_used_is_named(content: bytes | None, words: str, tmp_path: Path) -> None:
    """With its path and what it should hold, before anything is sent."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Invalid, match=words) as caught:
        tls_context(str(path))
    (problem,) = caught.value.problems
    assert problem.source and problem.source.file == str(path)
    assert "ONEFILE_CA_FILE" in problem.fix


def test_what_is_no_file_names_no_authority(tmp_path: Path) -> None:
    """A folder, or a name that no file can have."""
    for name in (str(tmp_path), "a\0b"):
        with pytest.raises(Invalid):
            tls_context(name)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE"])
def test_a_broken_usual_setting_is_named(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It belongs to the environment, so the error names the environment."""
    monkeypatch.setenv(variable, str(tmp_path / "not-there.pem"))
    with pytest.raises(Invalid, match=variable):
        tls_context("")
