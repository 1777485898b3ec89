"""What the running code is called; imports nothing, so that anyone may ask."""

VERSION = "0.1.0"
# So much of a git revision tells it from all others.
REVISION_LETTERS = 12


def release_name(revision: str = "") -> str:
    """`0.1.0+3f2a91bc04d7`: the version, and the revision where it is known."""
    return f"{VERSION}+{revision[:REVISION_LETTERS]}" if revision else VERSION
