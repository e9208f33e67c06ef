"""The address at which the harness reaches every part, in a container or not: one address of this machine, with each part's own ports."""

HOST = "127.0.0.1"
