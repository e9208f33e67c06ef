"""The load engine: sends and records requests. HTTP/1.1 for many users, on one epoll that the gevent hub watches. It knows nothing about bookings.

Read in this order: :mod:`.loop` (which greenlet is woken when), :mod:`.parser` and :mod:`.wire` (pure: bytes in and out), :mod:`.connection` (one
request and its answer), :mod:`.pool`, :mod:`.client` (the client of tasks), :mod:`.outcomes` (what an answer means), :mod:`.rows` and :mod:`.records`
(the record of each request), :mod:`.rates` and :mod:`.scheduler` (the open model), :mod:`.customers` (a million customers with think time),
:mod:`.users` (Locust user classes). The booking journeys use it through :mod:`.transport`, :mod:`.carrier` and :mod:`.sleep`; :mod:`.convert` works
after the run.

May import: clock, files, history, vocabulary.
"""

from closeshave.loadgen import compiled

if compiled.why_plain() is None:
    __path__.insert(0, str(compiled.DIRECTORY))
