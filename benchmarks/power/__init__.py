"""Does a gate notice what it should, and only that? Live gates with planted changes, and gates composed of their blocks."""
