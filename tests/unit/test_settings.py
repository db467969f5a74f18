"""Settings come from their own variables, from files, and from nothing else."""

from pathlib import Path

import pytest

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
    (tmp_path / "secret").write_text("x" * 40 + "\n")
    monkeypatch.setenv("JWT_SECRET_FILE", str(tmp_path / "secret"))
    settings = Settings.for_home(tmp_path)
    assert settings.signing_key() == b"x" * 40
    assert "xxx" not in repr(settings)


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
