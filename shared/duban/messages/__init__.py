"""The contracts: reports, commands, events and notices as structs in CloudEvents 1.0 envelopes. Pure.

- :mod:`~duban.messages.struct`: what all of them are made of, to JSON and back.
- :mod:`~duban.messages.envelope`: :class:`Message`, its two Kafka modes, derived ids.
- :mod:`~duban.messages.report`, :mod:`~duban.messages.commands`, :mod:`~duban.messages.changes`,
  :mod:`~duban.messages.events`, :mod:`~duban.messages.notices`: what the topics carry, one module a topic.
- :mod:`~duban.contracts.catalogue`: all of them, and the documents that are generated from them.
"""
