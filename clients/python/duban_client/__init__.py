"""Reports into Duban from Python: over HTTP or straight into Kafka, each with and without asyncio.

report        what somebody saw, who reported it, sealed evidence; as JSON and as an event
conversation  what is asked of the gateway, and when it is asked again; pure
http          Client, AsyncClient: by the gateway, with the key of a source
kafka         KafkaClient, AsyncKafkaClient: onto the topic, with `duban-client[kafka]`
errors        Refused: mend it first; Unavailable: send the same again later

Whatever is sent twice under one source and id counts once, so every client here sends again by itself.
"""

from duban_client.conversation import Accepted, Patience, Receipt
from duban_client.errors import ClientError, Refused, Unavailable
from duban_client.http import AsyncClient, Client
from duban_client.report import Contact, Evidence, Location, Report, new_secret, sealed

__all__ = [
    "Accepted",
    "AsyncClient",
    "Client",
    "ClientError",
    "Contact",
    "Evidence",
    "Location",
    "Patience",
    "Receipt",
    "Refused",
    "Report",
    "Unavailable",
    "new_secret",
    "sealed",
]
