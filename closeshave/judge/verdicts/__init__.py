"""Verdicts: figures compared with the promises, and whether the trial itself was valid. One module for each family.

May import: history, judge.evidence, judge.measures, judge.verdict, judge.witnesses, plan, plurals, quantiles, target, vocabulary.
"""
