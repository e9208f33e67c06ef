"""The stand-in booking platform: small, correct, and on real servers. It declares itself in ``/health``, and evidence from it is *rehearsed*.

May import: clients, deployment, files, hashslots, topology.
"""
