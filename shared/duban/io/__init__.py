"""The shell: everything that touches the broker, the database, the machine's clock or the terminal.

    settings      what a service is told by its environment
    broker        how to reach Kafka, and how durable its topics are
    publisher     records to topics, in order, acknowledged            (Publisher)
    consumer      batches from topics, at least once, offsets last     (Runner, Source)
    batch         what is published for a batch: decode, hand over, set aside (Handler)
    decode        from a record of the broker to a delivery
    isolation     one message that breaks the code, found and set aside
    dead_letters  what could not be handled, byte for byte, with the reason
    aside         how it is laid aside, also after its offset was committed
    tail          a topic from its beginning, without a group          (Tail)
    anchors       heads of a chain, published now and then             (AnchorLoop); anchor_key: what signs them
    feeds         packs and the driven clock, kept up to date while a service runs
    http          an HTTP server as a part of a service
    http_protocol how long a request may take to arrive and its answer to be read, and how many may be connected
    hosts         by which names a server is spoken to
    rate_limits   how often it is asked from one address, or by one account (RateLimits)
    faults        what it answers that is no success, in one shape; the limit of a body
    availability  which errors mean "wait" instead of "wrong"
    backoff       how long to wait
    postgres      pools; migrations: numbered SQL files
    retention     forgets, in small steps, what was kept for long enough
    logs, metrics, health, mishaps
    service       the composition that every service's ``__main__`` calls

Nothing connects at import. Handlers see none of the client libraries: they get deliveries and give back records.
"""
