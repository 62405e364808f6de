"""A secret may stand in a file instead of in its variable, as orchestrators hand them out.

``DUBAN_KAFKA_PASSWORD_FILE=/run/secrets/kafka`` says where the value of ``DUBAN_KAFKA_PASSWORD`` is read from. So it is
for every setting that is a secret or holds one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from duban.errors import SettingsError

SUFFIX: Final = "_FILE"


def secret_in_environment(variable: str) -> str | None:
    """The value of ``variable``, from there or from the file that its other variable names; None where neither is set.

    Raises:
        SettingsError: both are set, or the file cannot be read or is empty; its content is never shown.
    """
    value, file = os.environ.get(variable), os.environ.get(variable + SUFFIX)
    if not file:
        return value or None
    if value:
        raise SettingsError(f"{variable} and {variable}{SUFFIX} are both set, and one secret is enough: unset one")
    return _read(variable, file)


class RenewedSecret:
    """The value of a secret when it is called: as its ``file`` has it now, or ``value`` where it stands in none.

    A file that cannot be read, as while it is written, leaves the value before in force, with a warning.
    """

    def __init__(self, variable: str, value: str, file: str | None) -> None:
        self._variable = variable
        self._value = value
        self.file: Final = file

    def __call__(self) -> str:
        if self.file is None:
            return self._value
        try:
            value = _read(self._variable, self.file)
        except SettingsError as error:
            _log().warning("secret cannot be read anew", error=str(error))
            return self._value
        if value != self._value:
            self._value = value
            _log().info("secret read anew", variable=self._variable + SUFFIX, file=self.file)
        return value


def _log() -> Any:
    import structlog  # which only services need, and every command reads the environment

    return structlog.get_logger(__name__)


def _read(variable: str, file: str) -> str:
    try:
        secret = Path(file).read_text("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}{SUFFIX}: {file} is no text in UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{variable}{SUFFIX}: {file} cannot be read: {error.strerror}") from None
    if not secret:
        raise SettingsError(f"{variable}{SUFFIX}: {file} is empty: write the secret into it, on one line")
    return secret
