"""Load machines: other machines, containers or pods that send a run's customers' load; the run's own machine sends the canaries and judges.

Pure: :mod:`.dealing` (who sends which arrivals), :mod:`.offsets` (how far another machine's clock is off, and how uncertain that is), :mod:`.sums`
(which parts of a file are lacking), :mod:`.reckoning` (what became of each arrival), :mod:`.refusals` (who may not take part, and why),
:mod:`.messages` (what the two sides say). Effects: :mod:`.credentials` (certificates of the run), :mod:`.joinfile` (the file that lets a machine take
part), :mod:`.channel` (one connection). The run's side: :mod:`.master` (all machines), :mod:`.attending` (one of them), :mod:`.sending` (all of them
as a generator), :mod:`.recordfiles` (their records here), :mod:`.accounting` (the count at the end). The load machine's side: :mod:`.worker` (the
connection), :mod:`.staying` (one run after the other), :mod:`.share` (its part of the load), :mod:`.planfiles` (the plan's files, on both).

May import: clock, files, history, loadgen, plurals, private, shapes, traffic.
"""
