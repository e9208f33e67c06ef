"""Programs that keep a fault in effect while it is held. Each ends by itself after its time, and when its environment is gone."""
