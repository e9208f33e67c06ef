"""A game day: a trial whose clock people hold. What they may press, what a press decides, the files in which they and the trial meet, and its report.

People and the trial meet in files of the run directory: a press is a file (:mod:`.presses`), what is so is another (:mod:`.state`). What a press decides
is pure (:mod:`.course`), who may press what is a table (:mod:`.roles`), and every event is chained to the one before (:mod:`.chain`). Nothing here
breaks anything: the trial does, as the clock says.

May import: comparison, files, history, judge, plan, plurals, private, report, scope, target, topology, vocabulary.
"""
