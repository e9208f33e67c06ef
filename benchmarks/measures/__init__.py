"""One module for each measure of the table; each has ``run(target, effort)``, which yields its results."""
