"""Files of a form: laid beside the uploads while they are looked at, and taken into the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory

import anyio.to_thread
from starlette.datastructures import FormData, UploadFile

from duban.io.evidence.desk import title_of
from duban.io.evidence.reception import Reception, taking
from duban.messages.report import Evidence


def files_in(form: FormData, field: str) -> list[UploadFile]:
    """The files in ``field``; a browser sends an empty one where none was chosen."""
    return [file for file in form.getlist(field) if isinstance(file, UploadFile) and file.filename]


async def taken(reception: Reception | None, files: Iterable[UploadFile]) -> list[Evidence]:
    """``files``, in the store.

    Raises:
        Fault: none is taken here, or not this one; says why and what to do.
        Unavailable: the store is away.
    """
    here, brought = taking(reception), []
    with room_for_files(here) as folder:
        for number, file in enumerate(files):
            place = folder / str(number)
            await lay(file, place)
            sealed = await anyio.to_thread.run_sync(here.desk.take, place, title_of(file.filename))
            brought.append(sealed.evidence)
    return brought


@contextmanager
def room_for_files(reception: Reception) -> Iterator[Path]:
    """A folder for the files of a form, beside the uploads, gone afterwards."""
    with TemporaryDirectory(prefix="form-", dir=reception.uploads.folder) as folder:
        yield Path(folder)


async def lay(file: UploadFile, place: Path) -> None:
    """Have the bytes of ``file`` at ``place``."""

    def copy() -> None:
        with place.open("wb") as whole:
            copyfileobj(file.file, whole)

    await anyio.to_thread.run_sync(copy)
