"""Which hosts are this machine itself: what goes there passes nobody else."""

from ipaddress import ip_address


def is_loopback(address: str) -> bool:
    """True for an IP address of the loopback; False for any other and for what is no address."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def is_this_machine(host: str) -> bool:
    """True for a host, by name or address, that can be nothing but this machine."""
    return host == "localhost" or is_loopback(host)
