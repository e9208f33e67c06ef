"""Where the harness reaches every part: at one address of this machine, each part at its own ports, in a container or not."""

HOST = "127.0.0.1"
