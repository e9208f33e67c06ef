"""Verdicts: figures compared with the promises, and whether the trial itself was sound. One module for each family."""
