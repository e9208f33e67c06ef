"""The story behind a verdict: what happened, in time order, with its place in the history.

May import: history, judge.evidence, judge.measures, judge.verdict, vocabulary.
"""
