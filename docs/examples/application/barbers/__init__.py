"""A booking application for one barber shop: one database, one cache, as many instances as you like. It knows nothing of Closeshave."""
