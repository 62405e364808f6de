"""What if: a city's reports, or its whole recorded history, under a pack, on virtual time and in one thread.

``engine`` carries problems through the same pure core as the services; ``history`` has what people did, ``replay``
plays it under another pack; ``figures`` counts what came of it. ``python -m duban_simulation`` is a process of that
for the pages, which has neither broker nor database: what it plays comes by its standard input.
"""
