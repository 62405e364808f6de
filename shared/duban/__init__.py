"""Duban (督办): what the services share.

Pure, no I/O: :mod:`duban.messages` (contracts), :mod:`duban.moves` (what is legal), :mod:`duban.life` (the life of a
problem), :mod:`duban.policy` (packs), :mod:`duban.deadlines`, :mod:`duban.duties`, :mod:`duban.calendar`,
:mod:`duban.errors`. The shell around it: :mod:`duban.io`.
"""
