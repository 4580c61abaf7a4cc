from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from evolve.cluster.credentials import (
    TOKEN_VARIABLE,
    Token,
    client_context,
    hub_token,
    is_loopback,
    read_token,
    server_context,
    worker_token,
)
from evolve.errors import ConfigurationError
from tests.cluster.hub_support import SECRET, certificate


@pytest.fixture(autouse=True)
def _no_token_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


def test_a_token_is_made_once_for_this_users_eyes_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "token"
    first, again = hub_token(file), hub_token(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first.header() == again.header() and len(first.header()) > 40
    assert hub_token(tmp_path / "other").header() != first.header()


def test_a_token_shows_itself_to_nobody_who_prints_it() -> None:
    assert SECRET not in f"{Token(SECRET, 'x')!r}"


def test_only_the_token_itself_is_the_token() -> None:
    token = Token(SECRET, "x")
    assert token.is_shown_by(f"Bearer {SECRET}")
    for shown in ("", SECRET, f"bearer {SECRET}", f"Bearer {SECRET[:-1]}", f"Bearer {SECRET}x", "Bearer \udcff"):
        assert not token.is_shown_by(shown)


@pytest.mark.parametrize("text", ["", "short", "x" * 15, "has a space in it somewhere", "zeile\nzwei" * 3])
def test_what_is_easily_guessed_or_cannot_be_sent_is_no_token(text: str) -> None:
    with pytest.raises(ConfigurationError, match="at least 16"):
        Token(text, "x")


def test_a_file_that_everybody_can_reach_keeps_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET)
    file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_token(file)
    file.chmod(0o640)
    assert read_token(file).is_shown_by(f"Bearer {SECRET}")
    with pytest.raises(ConfigurationError, match="No token can be read"):
        read_token(tmp_path / "none")


def test_a_worker_takes_its_token_from_a_file_before_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match=f"--token-file.*{TOKEN_VARIABLE}"):
        worker_token(None, None)
    monkeypatch.setenv(TOKEN_VARIABLE, "of-the-environment")
    assert worker_token(None, None).is_shown_by("Bearer of-the-environment")
    assert hub_token(tmp_path / "unused").is_shown_by("Bearer of-the-environment")
    assert not (tmp_path / "unused").exists()
    assert worker_token("of-the-command-line", None).is_shown_by("Bearer of-the-command-line")
    file = tmp_path / "token"
    file.write_text(SECRET + "\n")
    file.chmod(0o600)
    assert worker_token("of-the-command-line", file).is_shown_by(f"Bearer {SECRET}")


def test_without_encryption_only_this_machine_is_listened_to() -> None:
    assert server_context("127.0.0.1", None, None, insecure=False) is None
    assert server_context("::1", None, None, insecure=False) is None
    for host in ("0.0.0.0", "::", "10.0.0.1", "some.name"):
        with pytest.raises(ConfigurationError, match=r"tls_cert.*insecure=true"):
            server_context(host, None, None, insecure=False)
    assert server_context("0.0.0.0", None, None, insecure=True) is None
    with pytest.raises(ConfigurationError, match="go together"):
        server_context("127.0.0.1", "cert.pem", None, insecure=False)
    with pytest.raises(ConfigurationError, match=r"none\.pem"):
        server_context("127.0.0.1", "none.pem", "none.pem", insecure=False)


def test_certificates_are_files_in_pem_format(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "127.0.0.1")
    assert server_context("0.0.0.0", str(cert), str(key), insecure=False) is not None
    assert len(client_context(cert).get_ca_certs()) == 1
    (tmp_path / "no.pem").write_text("no")
    with pytest.raises(ConfigurationError, match="--ca"):
        client_context(tmp_path / "no.pem")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


def test_openssl_makes_what_the_documentation_says(tmp_path: Path) -> None:
    made = subprocess.run(["openssl", "rand", "-hex", "32"], capture_output=True, text=True, check=True)
    assert Token(made.stdout.strip(), "x")
