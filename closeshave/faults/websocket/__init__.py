"""Faults of connections by which customers follow their bookings."""

ABOUT = "the WebSockets by which customers of a region follow their bookings"
"""For the page of faults."""
