"""A booking platform that shares no code with ours: the real application's API with its habits, each a switch, and with planted defects."""
