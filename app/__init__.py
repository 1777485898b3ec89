"""The application; imports nothing, so that a worker does not load Flask."""
