"""What faults ask of the platform's real parts, and the few commands that they send; one module for each part."""
