"""A setting that cannot be used is named as the environment names it."""

from __future__ import annotations

import pytest
from pydantic import Field

from duban.errors import SettingsError
from duban.io.settings import Settings, settings_table


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
