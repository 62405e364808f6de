"""The registry as a file that may change while the gateway runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import structlog

from duban.errors import SettingsError
from duban.io.settings import variable
from duban_intake.hj212.registry import Registry, load_registry

_log = structlog.get_logger(__name__)
_EVERY: Final = 5.0


class RegisterFile:
    """The devices in a file, read anew when it changes; one that cannot be used leaves those of before in place."""

    def __init__(self, file: Path | None) -> None:
        if file is None:
            raise SettingsError(f"{variable('hj212_devices')} names no file: the devices that may speak to the gateway")
        self._file = file
        self._stopping = asyncio.Event()
        self._mark = self._marked()
        self.registry = self._read()

    def key_of(self, mn: str) -> bytes | None:
        """The SM4 key of a device, as the file says now."""
        return self.registry.key_of(mn)

    async def run(self) -> None:
        """Look at the file every few seconds until ``stop``."""
        while not self._stopping.is_set():
            try:
                await asyncio.wait_for(self._stopping.wait(), _EVERY)
            except TimeoutError:
                self.renew()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    def renew(self) -> None:
        """Read the file again if it has changed."""
        mark = self._marked()
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self.registry = self._read()
        except SettingsError as error:
            _log.error("devices stay as they were", error=str(error))
        else:
            _log.info("devices read again", devices=len(self.registry))

    def _marked(self) -> tuple[int, int]:
        try:
            status = self._file.stat()
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_size

    def _read(self) -> Registry:
        try:
            text = self._file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is no UTF-8"
            raise SettingsError(f"{self._file}: {reason}") from None
        return load_registry(text, str(self._file))
