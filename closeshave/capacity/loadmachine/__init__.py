"""This machine measured as a load machine: how many requests, customers and connections the load engine manages on it, over loopback alone.

:mod:`.values` (what is measured), :mod:`.answering` (the server: a constant answer), :mod:`.customers` (the Locust file: the real load engine),
:mod:`.starting` (their processes), :mod:`.kernel` (what the kernel allows), :mod:`.measuring` (all of it, one after the other).
"""
