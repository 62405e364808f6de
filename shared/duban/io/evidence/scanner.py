"""Looking for viruses: by clamd, or by a command that says what it found by its exit code.

The protocol of clamd is twenty lines here: the client packages that were looked at are old, or under the GPL.
"""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from struct import pack
from typing import Final, Protocol

from duban.errors import SettingsError, Unavailable
from duban.io.evidence.store import CHUNK

_FOUND: Final = re.compile(r"stream: (?P<what>.+) FOUND")
_CLAMD: Final = "clamd:"
_MOST_OF_ANSWER: Final = 4096


class Scanner(Protocol):
    """Looks into files."""

    def scan(self, file: Path) -> str | None:
        """What is wrong with ``file``, in words; None if nothing is.

        Raises:
            Unavailable: the scanner cannot say; why, in words.
        """


@dataclass(frozen=True, slots=True)
class Clamd:
    """A running clamd, at a socket in the file system or at ``host:port``; it is sent the bytes."""

    address: str
    seconds: float

    def scan(self, file: Path) -> str | None:
        try:
            with self._connected() as clamd, file.open("rb") as bytes_:
                answer = self._ask(clamd, bytes_)
        except OSError as error:
            raise Unavailable(f"clamd at {self.address} does not answer: {error}") from error
        if answer == "stream: OK":
            return None
        if match := _FOUND.fullmatch(answer):
            return match["what"]
        why = answer or "it hung up, as it does on a file that is larger than its StreamMaxLength"
        raise Unavailable(f"clamd at {self.address} cannot say: {why}")

    def _connected(self) -> socket.socket:
        if self.address.startswith("/"):
            clamd = socket.socket(socket.AF_UNIX)
            clamd.settimeout(self.seconds)
            try:
                clamd.connect(self.address)
            except OSError:
                clamd.close()
                raise
            return clamd
        host, _, port = self.address.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), self.seconds)

    def _ask(self, clamd: socket.socket, bytes_: object) -> str:
        clamd.sendall(b"zINSTREAM\0")
        # What is larger than clamd takes it hangs up on, and says so before, which may be lost on the way.
        with suppress(BrokenPipeError, ConnectionResetError):
            while piece := bytes_.read(CHUNK):  # type: ignore[attr-defined]
                clamd.sendall(pack("!L", len(piece)) + piece)
            clamd.sendall(pack("!L", 0))
        answer = b""
        with suppress(ConnectionResetError):
            while len(answer) < _MOST_OF_ANSWER and (piece := clamd.recv(_MOST_OF_ANSWER)):
                answer += piece
        return answer.rstrip(b"\0\n").decode(errors="replace")


@dataclass(frozen=True, slots=True)
class ScanCommand:
    """A command that is given the file's path: 0 when nothing is wrong, 1 when something is, as `clamscan` ends."""

    words: tuple[str, ...]
    seconds: float

    def scan(self, file: Path) -> str | None:
        name = self.words[0]
        try:
            done = subprocess.run(  # noqa: S603 the operator's own
                [*self.words, str(file)], capture_output=True, timeout=self.seconds, check=False, text=True,
                stdin=subprocess.DEVNULL, errors="replace",
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{name} has not said within {self.seconds:g} s") from None
        except OSError as error:
            raise Unavailable(f"{name} cannot be run: {error.strerror}") from error
        words = " ".join((done.stdout or done.stderr).replace(str(file), "the file").split())[:300]
        if done.returncode == 0:
            return None
        if done.returncode == 1:
            return words or "it says no more"
        raise Unavailable(f"{name} ended with {done.returncode}: {words or 'it says no more'}")


def scanner_of(setting: str, seconds: float) -> Scanner | None:
    """The scanner that ``setting`` names: ``clamd:/run/clamd.sock``, ``clamd:host:port``, a command; None for none.

    Raises:
        SettingsError: it names none of them.
    """
    if setting.startswith(_CLAMD):
        address = setting.removeprefix(_CLAMD)
        if not address.startswith("/") and not address.rpartition(":")[2].isdigit():
            raise SettingsError(
                f"DUBAN_EVIDENCE_SCANNER: {setting} is neither clamd:/path/of.socket nor clamd:host:port"
            )
        return Clamd(address, seconds)
    try:
        words = tuple(shlex.split(setting))
    except ValueError as error:
        raise SettingsError(f"DUBAN_EVIDENCE_SCANNER: {setting} is no command: {error}") from None
    return ScanCommand(words, seconds) if words else None
