"""Live updates: a customer who is connected by WebSocket is told of every change of their bookings, whoever made it and wherever.

The databases tell of each change themselves, when it is committed (``NOTIFY``), and every process listens to all of them. What nobody heard, because a
database or a process was away, is not lost for good: whoever listens again first asks for the bookings of all who are connected, and a customer who
connects is told of all of theirs. An update says a booking's version, so that one that comes late or twice does no harm.

May import: standin.errors, standin.settings, standin.shards, topology.
"""
