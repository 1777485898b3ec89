"""The systems that the relay is compared with; run as programs by tests.bench."""
