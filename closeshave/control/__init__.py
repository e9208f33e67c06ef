"""How a process is started, signalled, limited and entered: on this machine, or in a container (:mod:`.engine`).

:mod:`.processes` finds processes by record and signals them, :mod:`.variables` selects which environment variables they get, :mod:`.processors` says
how many processors they may use, :mod:`.machinewide` where the programs of one machine find each other.

May import: deployment, files, vocabulary.
"""
