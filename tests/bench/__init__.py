"""The benchmark behind `make bench`: measures the relay and its peers on this machine; nobody imports it."""
