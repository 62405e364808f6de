"""The gateway of MQTT: what sources publish at a broker of MQTT, acknowledged there once our broker has it.

``python -m duban_intake.mqtt`` runs it.

consumes  MQTT: the topics that registered sources of the kinds ``mqtt`` and ``mqtt-readings`` name;
          ``duban.sources.v1``: which sources those are, and what their fields mean
produces  ``duban.reports.v1``, ``duban.readings.v1``; what cannot be read to the dead letters, with its bytes
reads     the receipts of intake, as the gateway does
owns      nothing

    subscription  which topics are whose
    door          what becomes of a message
    link          the connection: messages in, acknowledgements out
"""
