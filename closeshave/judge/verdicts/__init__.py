"""Verdicts: figures against what was promised, and whether the trial itself was sound. One module a family."""
