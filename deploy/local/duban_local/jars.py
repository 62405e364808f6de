"""The broker's jars: Maven coordinates with their sha256, fetched once and checked before every use.

``python -m duban_local.jars`` resolves ``KAFKA`` anew and rewrites the lock file; commit what it writes.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

from jgo.env import LockedDependency, LockFile
from jgo.maven import Artifact, MavenContext

from duban_local.children import Say, StackError

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
LOCK = Path(__file__).with_name("kafka.lock.toml")

#: A Maven repository nearer than the central one; the checksums hold for both.
MIRROR_VARIABLE = "DUBAN_MAVEN"

_AT_ONCE = 6


def classpath(say: Say) -> list[Path]:
    """The broker's jars on this disk, each one's sha256 equal to the lock's; what is missing is fetched first.

    They live in the machine's Maven repository (``M2_REPO`` or ``~/.m2/repository``), shared by all checkouts.

    Raises:
        StackError: when a jar cannot be fetched, or what was fetched is not what the lock names.
    """
    maven = _maven()
    locked = LockFile.load(LOCK).dependencies
    with _alone(maven.repo_cache), ThreadPoolExecutor(_AT_ONCE) as pool:
        jars = [(entry, _artifact(maven, entry)) for entry in locked]
        bad = [pair for pair, good in zip(jars, pool.map(_verified, jars), strict=True) if not good]
        if bad:
            say("kafka", f"fetching {len(bad)} jars, once")
            list(pool.map(_fetch, bad))
    return [_place(artifact) for _, artifact in jars]


def _fetch(pair: tuple[LockedDependency, Artifact]) -> None:
    artifact = pair[1]
    place = _place(artifact)
    place.unlink(missing_ok=True)
    try:
        artifact.resolve()
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
        place.unlink(missing_ok=True)
        raise StackError(
            f"cannot fetch {place.name}: {error}. Check the network, set {MIRROR_VARIABLE} to a Maven repository that "
            "can be reached, or set DUBAN_KAFKA=host:port to use a broker that runs already."
        ) from None
    if not _verified(pair):
        place.unlink(missing_ok=True)
        raise StackError(f"{place.name} does not have the sha256 in {LOCK.name}: it was cut short or is not that jar")


def _verified(pair: tuple[LockedDependency, Artifact]) -> bool:
    entry, artifact = pair
    if not entry.sha256:
        raise StackError(f"{LOCK.name}: {entry.groupId}:{entry.artifactId} has no sha256")
    place = _place(artifact)
    if not place.exists():
        return False
    with place.open("rb") as jar:
        return file_digest(jar, "sha256").hexdigest() == entry.sha256


def _maven() -> MavenContext:
    mirror = os.environ.get(MIRROR_VARIABLE)
    return MavenContext(remote_repos={"mirror": mirror} if mirror else None, timeout=60)


def _artifact(maven: MavenContext, entry: LockedDependency) -> Artifact:
    component = maven.project(entry.groupId, entry.artifactId).at_version(entry.version)
    return component.artifact(entry.classifier or "", entry.packaging)


def _place(artifact: Artifact) -> Path:
    place = artifact.cached_path
    assert place is not None
    return place


@contextmanager
def _alone(repository: Path) -> Iterator[None]:
    """One process at a time: a jar is written in place, and a second writer would stumble over it."""
    repository.mkdir(parents=True, exist_ok=True)
    with (repository / ".duban.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def relock() -> None:
    """Resolve ``KAFKA`` with all it needs to run and write its coordinates and checksums to the lock file."""
    maven = MavenContext(timeout=60)
    broker, needed = maven.resolver.resolve([maven.create_dependency(KAFKA)])
    artifacts = [*broker, *(artifact for artifact in needed if artifact.scope in ("compile", "runtime"))]
    # The binding of slf4j to log4j is part of Kafka's distribution, not of its POM. Resolved together with it, log4j's
    # own bill of materials would drag the Kafka client back to 3.9.
    log4j = next(artifact.artifact for artifact in artifacts if artifact.artifact.artifactId == "log4j-core")
    artifacts.append(maven.create_dependency(f"{log4j.groupId}:log4j-slf4j-impl:{log4j.version}"))
    LockFile.from_resolved_dependencies(artifacts, environment_name="kafka").save(LOCK)


if __name__ == "__main__":
    relock()
