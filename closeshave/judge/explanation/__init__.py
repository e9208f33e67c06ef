"""Explains a verdict: what happened, in time order, each event with its place in the history.

May import: history, judge.evidence, judge.measures, judge.verdict, judge.witnesses, vocabulary.
"""
