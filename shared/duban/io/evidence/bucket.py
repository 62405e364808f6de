"""A store in a bucket of S3, or whatever speaks like it; what lies in it has the names that it has in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from duban.errors import Unavailable
from duban.io.evidence.store import CHUNK, Room, Stored, is_sha256

if TYPE_CHECKING:
    from obstore.store import S3Config

#: How long a bucket that does not answer is asked again.
_PATIENCE: Final = timedelta(seconds=20)
#: How long a file may take to come, to whoever reads it.
_WHOLE: Final = timedelta(minutes=10)


class BucketStore:
    """An :class:`~duban.io.evidence.store.EvidenceStore` in ``bucket``, under ``prefix``.

    An object is there once all of it is; so is its copy. What a process left that died as it sent one in parts, the
    bucket itself forgets, by a rule of its own.
    """

    def __init__(
        self, bucket: str, prefix: str, endpoint: str | None, region: str, key: str | None, secret: str | None
    ):
        # The client is loaded by whoever has a bucket alone.
        from obstore.store import S3Store

        config: S3Config = {
            "region": region,
            "checksum_algorithm": "SHA256",
            "virtual_hosted_style_request": endpoint is None,
        }
        if endpoint is not None:
            config["endpoint"] = endpoint
        if key is not None and secret is not None:
            config |= {"access_key_id": key, "secret_access_key": secret}
        is_plain = endpoint is not None and endpoint.startswith("http://")
        self._name = f"s3://{bucket}/{prefix}".rstrip("/")
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            config=config,
            client_options={"allow_http": is_plain, "connect_timeout": _PATIENCE, "timeout": _WHOLE},
            retry_config={"max_retries": 3, "retry_timeout": _PATIENCE},
        )

    def __str__(self) -> str:
        return self._name

    def put(self, room: Room, sha256: str, file: Path) -> None:
        import obstore

        if self.find(room, sha256) is None:
            with self._reached():
                obstore.put(self._store, _path(room, sha256), file)

    def replace(self, room: Room, sha256: str, file: Path) -> None:
        import obstore

        with self._reached():
            obstore.put(self._store, _path(room, sha256), file)

    def erase(self, room: Room, sha256: str) -> None:
        import obstore

        with self._reached(), suppress(FileNotFoundError):
            obstore.delete(self._store, _path(room, sha256))

    def move(self, sha256: str, source: Room, target: Room) -> None:
        import obstore

        with self._reached():
            obstore.rename(self._store, _path(source, sha256), _path(target, sha256))

    def find(self, room: Room, sha256: str) -> Stored | None:
        import obstore

        with self._reached():
            try:
                meta = obstore.head(self._store, _path(room, sha256))
            except FileNotFoundError:
                return None
        return Stored(sha256, room, meta["size"], meta["last_modified"])

    def read(self, room: Room, sha256: str) -> Iterator[bytes] | None:
        import obstore

        with self._reached():
            try:
                stream = obstore.get(self._store, _path(room, sha256)).stream(CHUNK)
            except FileNotFoundError:
                return None

        def pieces() -> Iterator[bytes]:
            with self._reached():
                for piece in stream:
                    yield bytes(piece)

        return pieces()

    def all(self, room: Room) -> Iterator[Stored]:
        import obstore

        with self._reached():
            for metas in obstore.list(self._store, room):
                for meta in metas:
                    name = meta["path"].rpartition("/")[2]
                    if is_sha256(name):
                        yield Stored(name, room, meta["size"], meta["last_modified"])

    def tidy(self) -> None:
        """The bucket does it."""

    @contextmanager
    def _reached(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError) as error:
            why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise Unavailable(f"the evidence store {self._name} cannot be used now: {why}") from error


def _path(room: Room, sha256: str) -> str:
    assert is_sha256(sha256)
    return f"{room}/{sha256[:2]}/{sha256}"
