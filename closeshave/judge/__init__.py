"""What a history means: pure functions from recorded evidence to verdicts. Nothing here acts, and nothing here imports what acts."""
