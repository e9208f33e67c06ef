"""What a running trial tells other programs: Prometheus metrics, OpenTelemetry metrics and spans, Grafana annotations.

It reads what the trial writes anyway (the timeline, the senders' records) in a thread of the trial's process; no sender knows of it. Nothing here stops a
trial or delays its clean-up: what could not be sent is counted, and said at the end. Read in this order: :mod:`.totals` (what was seen),
:mod:`.families` (the metrics, pure), :mod:`.exporter` (the thread), then one module for each receiver.

May import: clock, files, history, loadgen, plan, plurals, vocabulary.
"""
