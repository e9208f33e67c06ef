"""What the faults ask of the platform's real parts, and the few things they tell them; one module a part."""
