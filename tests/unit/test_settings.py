"""Settings come from their own variables, from files, and from nothing else."""

import secrets
from pathlib import Path

import pytest
from pydantic import ValidationError

from buybuddy.errors import Misconfigured
from buybuddy.settings import Settings


def test_other_programs_variables_are_not_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "HOST", "PORT", "BUYBUDDY_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/somebody")
    monkeypatch.setenv("PORT", "1")
    assert Settings().home_dir == tmp_path / ".buybuddy"
    assert Settings().port == 8000


def test_a_secret_can_come_from_a_file_and_is_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = "q7Zt9-Wm2Lr5_Xc8Vb1Ny4Kd6Hf3Gs0Pa"
    (tmp_path / "secret").write_text(secret + "\n")
    monkeypatch.setenv("JWT_SECRET_FILE", str(tmp_path / "secret"))
    settings = Settings.for_home(tmp_path)
    assert settings.signing_key() == secret.encode()
    monkeypatch.setenv("STORAGE_URL", "s3://key:a-storage-key@host/bucket")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:a-database-word@host/d")
    shown = repr(Settings.for_home(tmp_path)) + str(Settings.for_home(tmp_path))
    assert secret not in shown and "a-storage-key" not in shown and "a-database-word" not in shown
    monkeypatch.setenv("BUYBUDDY_API_URL", "https//user:a-vendor-word@host")
    with pytest.raises(ValidationError) as failed:
        Settings.for_home(tmp_path)
    assert "a-vendor-word" not in str(failed.value) and "BUYBUDDY_API_URL" in str(failed.value)


def test_a_file_that_holds_no_text_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xff\xfe\x00key")
    monkeypatch.setenv("JWT_SECRET_FILE", str(tmp_path / "secret"))
    with pytest.raises(Misconfigured, match="JWT_SECRET_FILE points at"):
        Settings.for_home(tmp_path)


def test_the_signing_key_is_made_once_and_weak_ones_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("JWT_SECRET", raising=False)
    assert Settings.for_home(tmp_path).signing_key() == Settings.for_home(tmp_path).signing_key()
    monkeypatch.setenv("BUYBUDDY_ENV", "production")
    with pytest.raises(Misconfigured, match="must be set"):
        Settings.for_home(tmp_path).signing_key()
    monkeypatch.setenv("JWT_SECRET", "changeme")
    with pytest.raises(Misconfigured, match="at least 32"):
        Settings.for_home(tmp_path).signing_key()


def test_every_setting_has_a_line_in_the_example() -> None:
    lines = (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {line.lstrip("#").partition("=")[0] for line in lines if "=" in line and not line.startswith("# ")}
    assert named == {field.validation_alias for field in Settings.model_fields.values()}


GOOD_SECRET = "q7Zt9-Wm2Lr5_Xc8Vb1Ny4Kd6Hf3Gs0Pa"


@pytest.mark.parametrize(
    "weak", ["", "x" * 40, "abc" * 15, "your-secret-key-here-please-change-it", "supersecretkey" * 3, "ChangeMe" * 6]
)
def test_a_secret_that_is_long_but_not_random_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, weak: str
) -> None:
    monkeypatch.setenv("BUYBUDDY_ENV", "production")
    monkeypatch.setenv("JWT_SECRET", weak)
    with pytest.raises(Misconfigured, match="JWT_SECRET"):
        Settings.for_home(tmp_path).signing_key()
    monkeypatch.setenv("JWT_SECRET", GOOD_SECRET)
    monkeypatch.setenv("JWT_SECRET_PREVIOUS", weak)
    if weak:
        with pytest.raises(Misconfigured, match="JWT_SECRET_PREVIOUS"):
            Settings.for_home(tmp_path).signing_keys()
    else:
        assert Settings.for_home(tmp_path).signing_keys() == (GOOD_SECRET.encode(),)


@pytest.mark.parametrize("n_bytes", [16, 32, 48])
def test_secrets_that_people_make_as_the_documentation_says_are_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, n_bytes: int
) -> None:
    for _ in range(200):
        for secret in (secrets.token_hex(max(n_bytes, 16)), secrets.token_urlsafe(max(n_bytes, 24))):
            monkeypatch.setenv("JWT_SECRET", secret)
            monkeypatch.setenv("BUYBUDDY_ENV", "production")
            assert Settings.for_home(tmp_path).signing_key() == secret.encode()


def test_a_signing_key_that_was_emptied_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JWT_SECRET", raising=False)
    Settings.for_home(tmp_path).signing_key()
    (tmp_path / "secrets" / "signing-key").write_text("")
    with pytest.raises(Misconfigured, match="signing-key"):
        Settings.for_home(tmp_path).signing_key()


@pytest.mark.parametrize("hours", ["inf", "nan", "1e300", "0", "-1"])
def test_a_session_is_never_endless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hours: str) -> None:
    monkeypatch.setenv("BUYBUDDY_SESSION_HOURS", hours)
    with pytest.raises(ValidationError):
        Settings.for_home(tmp_path)
