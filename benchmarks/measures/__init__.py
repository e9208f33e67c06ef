"""One module a measure of the table; each has ``run(target, effort)`` and gives its results."""
