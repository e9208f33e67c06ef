"""The load engine: HTTP/1.1 for many users on one epoll that the gevent hub watches.

Read in this order: :mod:`.loop` (who is woken when), :mod:`.parser` and :mod:`.wire` (pure: bytes in and out), :mod:`.connection` (one request and
its answer), :mod:`.pool`, :mod:`.client` (what tasks call), :mod:`.rows` and :mod:`.records` (what is kept of each request), :mod:`.rates` and
:mod:`.scheduler` (the open model), :mod:`.customers` (a million who think), :mod:`.users` (Locust user classes).
The booking journeys come by way of :mod:`.carrier`, :mod:`.book` and :mod:`.sleep`; :mod:`.convert` is for afterwards.
"""
