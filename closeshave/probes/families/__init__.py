"""One module a family; each has a ``FAMILY``, and is listed nowhere else."""
