"""All of Redis, one concept a file."""
