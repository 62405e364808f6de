"""A setting that cannot be used is named as the environment names it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from duban.errors import SettingsError
from duban.io.settings import Settings, open_to_everybody, settings_table
from duban_escalation.settings import EscalationSettings


class RouterSettings(Settings):
    shelf: int = Field(description="How many to keep")


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUBAN_BATCH_SIZE", "7")
    monkeypatch.setenv("DUBAN_SHELF", "3")
    settings = RouterSettings.load()
    assert (settings.batch_size, settings.shelf) == (7, 3)


def test_every_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUBAN_BATCH_SIZE", "many")
    monkeypatch.delenv("DUBAN_SHELF", raising=False)
    with pytest.raises(SettingsError) as caught:
        RouterSettings.load()
    assert "DUBAN_BATCH_SIZE: is no whole number" in str(caught.value)
    assert "DUBAN_SHELF: is missing, and needed: How many to keep" in str(caught.value)


def test_a_password_is_never_shown() -> None:
    settings = Settings(database="postgresql://u:hush@h/d", kafka_password="hush")
    assert "hush" not in repr(settings)


def test_every_setting_says_what_it_means_and_stands_in_the_table_once() -> None:
    table = settings_table(Settings, RouterSettings)
    assert "| `DUBAN_BATCH_SIZE` | `500` | Most records in one batch, which is one transaction |" in table
    assert "| `DUBAN_SHELF` | required | How many to keep |" in table
    assert table.count("`DUBAN_KAFKA`") == 1
    assert all(field.description for field in Settings.model_fields.values())


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a secret that the environment names."""
    file = tmp_path / "password"
    file.write_text(" hush \r\n", "utf-8")
    file.chmod(0o600)
    monkeypatch.setenv("DUBAN_KAFKA_PASSWORD_FILE", str(file))
    return file


def test_a_secret_is_read_from_its_file_without_the_end_of_its_line(file: Path) -> None:
    password = Settings.load().kafka_password
    assert password is not None
    assert password.get_secret_value() == " hush "
    assert Settings.load(kafka_password=SecretStr("given")).kafka_password == SecretStr("given")


def test_every_secret_may_stand_in_a_file_and_nothing_else(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = settings_table(EscalationSettings)
    assert "| `DUBAN_DATABASE`, `DUBAN_DATABASE_FILE` | `postgresql://" in table
    assert "DUBAN_KAFKA_FILE" not in table
    # A document that holds secrets is one.
    platforms = tmp_path / "platforms.json"
    secret = "whsec_aHVzaGh1c2hodXNoaHVzaGh1c2hodXNo"
    document = {"linyi/credit": {"url": "https://credit.example/", "secret": secret}}
    platforms.write_text(json.dumps(document) + "\n", "utf-8")
    monkeypatch.setenv("DUBAN_PLATFORMS_FILE", str(platforms))
    assert list(EscalationSettings.load().platforms) == ["linyi/credit"]
    platforms.write_text("{hush", "utf-8")
    with pytest.raises(SettingsError, match="platforms") as caught:
        EscalationSettings.load()
    assert "hush" not in str(caught.value)


def test_a_secret_that_stands_in_both_is_refused_and_an_empty_variable_is_none(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBAN_KAFKA_PASSWORD", "")
    assert Settings.load().kafka_password == SecretStr(" hush ")
    monkeypatch.setenv("DUBAN_KAFKA_PASSWORD", "other")
    with pytest.raises(SettingsError, match="DUBAN_KAFKA_PASSWORD and DUBAN_KAFKA_PASSWORD_FILE are both set"):
        Settings.load()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is no text in UTF-8"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_without_a_secret_is_refused_by_its_name(file: Path, content: bytes | None, said: str) -> None:
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(SettingsError, match=f"DUBAN_KAFKA_PASSWORD_FILE: {file} {said}"):
        Settings.load()


def test_a_file_that_everybody_may_read_is_told(file: Path) -> None:
    assert open_to_everybody(Settings) == []
    file.chmod(0o644)
    assert open_to_everybody(Settings) == [("DUBAN_KAFKA_PASSWORD_FILE", str(file))]
