"""The desk: what the pages ask about many records at once, from a read model made for these questions.

``reader`` says what can be asked, ``sight`` of what somebody may see; ``projection`` makes rows of events, which
``projector`` keeps in ``memory`` or in PostgreSQL (``store``, read by ``queries``). It may be made anew at any time.
"""
