"""Programs that keep a fault going while it holds. Each ends by itself after its time, and when its environment is gone."""
