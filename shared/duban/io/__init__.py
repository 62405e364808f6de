"""The shell: everything that touches the broker, the database, the machine's clock or the terminal.

    settings      what a service is told by its environment
    broker        how to reach Kafka, and how durable its topics are
    publishing    records to topics, in order, acknowledged            (Publisher)
    consuming     batches from topics, at least once, offsets last     (Runner, Source)
    working       what is published for a batch: decode, hand over, set aside (Handler)
    delivering    a decoded message with where it came from (Delivery, Rejected)
    isolating     one message that breaks the code, found and set aside
    dead_letters  what could not be handled, byte for byte, with the reason
    tailing       a topic from its beginning, without a group          (Tail)
    following     packs and the driven clock, kept up to date while a service runs
    http          an HTTP server as a part of a service
    waiting       back-off, and which errors mean "wait" instead of "wrong"
    postgres      pools; migrations: numbered SQL files
    logs, metrics, health, faults
    service       the composition that every service's ``__main__`` calls

Nothing connects at import. Handlers see none of the client libraries: they get deliveries and give back records.
"""
