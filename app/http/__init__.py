"""HTTP calls with one total deadline and a last look before the first byte; for the clients of vendors."""
