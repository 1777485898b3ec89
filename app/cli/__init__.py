"""The relay command line and the supervisor."""
