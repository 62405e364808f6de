"""A secret may stand in a file instead of in its variable, as orchestrators hand them out.

``DUBAN_KAFKA_PASSWORD_FILE=/run/secrets/kafka`` says where the value of ``DUBAN_KAFKA_PASSWORD`` is read from. So it is
for every setting that is a secret or holds one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

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
    try:
        secret = Path(file).read_text("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}{SUFFIX}: {file} is no text in UTF-8") from None
    except OSError as error:
        raise SettingsError(f"{variable}{SUFFIX}: {file} cannot be read: {error.strerror}") from None
    if not secret:
        raise SettingsError(f"{variable}{SUFFIX}: {file} is empty: write the secret into it, on one line")
    return secret
