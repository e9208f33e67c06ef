"""The dialect of a booking API as a file: requests with placeholders, and where in an answer the harness finds what it needs.

:mod:`.profile` is the file, :mod:`.fields` its part about answers, :mod:`.known` finds and checks it, :mod:`.spoken` makes requests from it and reads
answers with it. Journeys, canaries, log-ins, reading back and the doctor all speak through it; none of them knows a route.

May import: files, history, operations.
"""
