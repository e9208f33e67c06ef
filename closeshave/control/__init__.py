"""How a process is started, signalled, limited and entered: here, or in a container (:mod:`.engine`).

:mod:`.processes` finds processes by record and signals them, :mod:`.variables` says what they are given of our environment, :mod:`.processors` how
many processors they may use.
"""
