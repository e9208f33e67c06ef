"""The stand-in booking platform: small, correct, and over the real parts. Evidence from it is *rehearsed*, never *verified*.

May import: deployment, files, topology, vocabulary.
"""
