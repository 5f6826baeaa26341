"""TLS context: the system's CAs and an optional PEM file; verification is always on."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from reconciler.problems import Invalid, Problem, Source

CA_FILE = "ONEFILE_CA_FILE"

_FIX = f"Name a file in {CA_FILE} that holds your authority's certificates in PEM (-----BEGIN CERTIFICATE-----)."


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Build a context that verifies the certificate chain and the host name.

    It trusts the usual authorities (those of SSL_CERT_FILE or SSL_CERT_DIR if the environment names them) and, if
    `ca_file` is not empty, those in that file as well. Raises Invalid for files that cannot be used.
    """
    try:
        context = httpx.create_ssl_context()
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        what = f"the environment's certificate settings cannot be used ({type(error).__name__})"
        problem = Problem(what, "Check SSL_CERT_FILE and SSL_CERT_DIR.", where="environment")
        raise Invalid(problem) from error
    if ca_file:
        _load(context, Path(ca_file))
    return context


def empty_context() -> ssl.SSLContext:
    """Build a context that trusts no authority, for connections without TLS.

    Reading the usual authorities takes longer than the rest of a client's start.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _load(context: ssl.SSLContext, path: Path) -> None:
    try:
        if path.exists() and not path.is_file():
            raise Invalid(Problem("is not a file", _FIX, Source(str(path))))
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise Invalid(Problem("holds no certificate in PEM, or a broken one", _FIX, Source(str(path)))) from error
    except (OSError, ValueError) as error:  # a name with a zero byte
        what = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise Invalid(Problem(what, _FIX, Source(str(path)))) from error
