"""Alerts of an environment that the harness runs: rules, a metrics store, a rule engine and an Alertmanager, and the receiver of what they raise."""
