"""A small autoscaler of one region: it starts and ends instances of the application behind the region's balancer, by rules on what is measured.

:mod:`.rules` are the thresholds and times, :mod:`.decision` decides (pure), :mod:`.measuring` measures, :mod:`.changing` starts and ends an instance,
and :mod:`.autoscaler` is the program that does all of it: a process of the environment, with its rules and its log in files.
"""
