"""What if: a city's reports, or its whole recorded history, under a pack, on virtual time and in one thread.

``engine`` carries problems through the same pure core as the services; ``sources`` and ``history`` bring what people
did; ``figures`` counts what came of it; ``timeline`` writes it down; ``replay`` compares a history with itself.
"""
