"""Faults that are run by hand, for they take minutes or need root: each prints what it did and what it saw.

    python -m tests.faults.by_hand.receivers hang

Exit code 0 when all was right. What was seen, and when, is in docs/reliability-by-hand.md.
"""
