"""Objectives from and to OpenSLO v1 (https://github.com/OpenSLO/OpenSLO): SLO documents of other tools as a target, a target as SLO documents.

:mod:`.nodes` (documents with their lines, and which keys nobody asked for), :mod:`.importing` and :mod:`.exporting` (both pure), :mod:`.vocabulary` (what
both say in the same way), :mod:`.writing` (YAML texts, and a new file). What cannot be taken over is named, never dropped.

May import: files, target.
"""
