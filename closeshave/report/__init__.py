"""How a judged run looks: HTML, charts, JUnit, Markdown, JSON and the terminal. It judges nothing and adds no figure of its own.

May import: comparison, extensions, files, history, judge, plan, plurals, target, vocabulary.
"""

from closeshave.report.directory import OtherRuns, annotated, summarize, write

__all__ = ["OtherRuns", "annotated", "summarize", "write"]
