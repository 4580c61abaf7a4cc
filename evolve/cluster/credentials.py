"""The token that workers show, and the certificate that a hub shows them."""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import os
import secrets
import ssl
import stat
from pathlib import Path
from typing import Final

from evolve.errors import ConfigurationError

TOKEN_VARIABLE: Final = "EVOLVE_WORKER_TOKEN"
_SHORTEST_TOKEN: Final = 16
_TOKEN_BYTES: Final = 32


class Token:
    """A shared secret. It is compared in constant time, and never printed."""

    def __init__(self, text: str, whence: str) -> None:
        """``whence`` says where the text was found. Raises ConfigurationError for one that is easily guessed."""
        plain = text.isascii() and text.isprintable() and " " not in text
        if len(text) < _SHORTEST_TOKEN or not plain:
            raise ConfigurationError(
                f"{whence}: expected a token of at least {_SHORTEST_TOKEN} letters, digits and signs without spaces, "
                f"found {len(text)} characters. `openssl rand -hex 32` makes one."
            )
        self._text = text

    def __repr__(self) -> str:
        return "Token(...)"

    def header(self) -> str:
        """Return the value of the Authorization header that shows it."""
        return f"Bearer {self._text}"

    def is_shown_by(self, header: str) -> bool:
        """Whether the value of an Authorization header shows this token."""
        return hmac.compare_digest(header.encode("utf-8", "replace"), self.header().encode())


def read_token(file: Path) -> Token:
    """Read a token from a file. Raises ConfigurationError."""
    try:
        text = file.read_text()
        mode = file.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"No token can be read from {file}: {error}") from error
    if mode & stat.S_IRWXO:
        raise ConfigurationError(
            f"{file} holds a secret that every user here can reach (mode {stat.S_IMODE(mode):o}): chmod 600 it."
        )
    return Token(text.strip(), str(file))


def hub_token(file: Path) -> Token:
    """Return the token of $EVOLVE_WORKER_TOKEN or of ``file``, which is made if need be. Raises ConfigurationError."""
    text = os.environ.get(TOKEN_VARIABLE)
    if text is not None:
        return Token(text, f"${TOKEN_VARIABLE}")
    with contextlib.suppress(FileExistsError):
        _write_token(file)
    return read_token(file)


def worker_token(text: str | None, file: Path | None) -> Token:
    """Return the token that was given to a worker in one of three ways. Raises ConfigurationError."""
    found = os.environ.get(TOKEN_VARIABLE)
    if file is not None:
        return read_token(file)
    if text is not None:
        return Token(text, "--token")
    if found is not None:
        return Token(found, f"${TOKEN_VARIABLE}")
    raise ConfigurationError(
        f"A worker needs the hub's token: --token-file FILE, ${TOKEN_VARIABLE}, or --token TOKEN, which other users of "
        "this machine can see. The hub says in which file its own lies."
    )


def _write_token(file: Path) -> None:
    """Write a new token for this user's eyes alone. Raises FileExistsError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise ConfigurationError(
            f"No token can be kept in {file}: {error.strerror}. See executor.token_file."
        ) from error
    with open(descriptor, "w") as out:
        out.write(secrets.token_urlsafe(_TOKEN_BYTES) + "\n")


def server_context(host: str, cert: str | None, key: str | None, *, insecure: bool) -> ssl.SSLContext | None:
    """Return how the hub encrypts, None for not at all. Raises ConfigurationError where that would be careless."""
    if (cert is None) != (key is None):
        raise ConfigurationError("executor.tls_cert and executor.tls_key go together: expected both, found one.")
    if cert is not None and key is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(cert, key)
        except OSError as error:
            raise ConfigurationError(f"executor.tls_cert={cert}, tls_key={key}: {error}") from error
        return context
    if not insecure and not is_loopback(host):
        raise ConfigurationError(
            f"executor.host={host}: other machines can reach it, so expected executor.tls_cert=FILE and "
            "executor.tls_key=FILE. Where something else encrypts (a tunnel, a mesh): executor.insecure=true."
        )
    return None


def client_context(ca: Path | None) -> ssl.SSLContext:
    """Return whom a worker trusts: the certificates of ``ca`` alone, or those that this machine trusts."""
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except OSError as error:
        raise ConfigurationError(f"--ca {ca}: expected a file of certificates in PEM format: {error}") from error


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
