"""What customers do: arrivals, population, journeys, the requests of the API, log-ins, canaries. The load engine sends their requests.

May import: api, caps, clients, clock, control, deployment, extensions, files, history, loadgen, operations, plan, plurals, private, shapes, topology,
vocabulary.
"""
