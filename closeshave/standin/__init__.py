"""The stand-in booking platform: small, correct, and on real servers. Evidence from it is *rehearsed*, never *measured*.

May import: clients, deployment, files, topology, vocabulary.
"""
