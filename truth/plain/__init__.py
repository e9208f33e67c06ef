"""A booking platform that shares no code with ours: the API of the real application with its behaviours, and planted defects."""
