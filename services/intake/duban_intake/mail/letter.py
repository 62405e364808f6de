"""Opens the dead letter of a mail, with the key of the vault: ``python -m duban_intake.mail.letter < SEALED > MAIL``.

It takes the bytes, or ``base64:…`` as ``duban dlq show`` has them.
"""

from __future__ import annotations

import sys
from base64 import b64decode
from typing import Final

from duban.errors import DubanError, SettingsError
from duban_intake.mail.settings import MailSettings

_BASE64: Final = b"base64:"


def main() -> int:
    """Write what was sealed to the standard output; 1 where it does not open, and why."""
    try:
        keyring = MailSettings.load().keyring()
        if keyring is None:
            raise SettingsError("DUBAN_VAULT_KEY is not set; only who has the key of the vault opens a letter")
        sealed = sys.stdin.buffer.read()
        if sealed.startswith(_BASE64):
            sealed = b64decode(sealed.removeprefix(_BASE64))
        sys.stdout.buffer.write(keyring.open_letter(sealed))
    except (DubanError, ValueError) as error:
        print(f"duban: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
