"""What ``duban simulate`` and ``duban replay`` play, from files and from the engine, and how it is told people.

``sources`` brings what people do and ``play`` plays it; ``history_source`` brings a recorded history; ``tables`` shows
what came of it, ``timeline`` writes it down.
"""
