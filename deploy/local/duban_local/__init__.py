"""The real broker and the real database on this machine, and the processes that use them.

Modules, from the outside in: ``stack`` (both servers, one folder), ``kafka`` and ``postgres`` (one server each),
``jars`` (the broker's jars, verified), ``topics`` (``deploy/topics.yaml`` applied to a broker), ``supervisor``
(named service processes), ``children`` (what all of them know about child processes and ports).
"""
