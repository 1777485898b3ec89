"""`python -m tests.frozen TREE FILE`: freeze what the relay's code in TREE writes when it is told the story.

TREE is a checkout of the version to be kept; FILE belongs into tests/golden/stores.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.frozen.relay import Relay
from tests.frozen.story import frozen, tell
from tests.servers import Sandbox, Valkey


def main(tree: Path, file: Path) -> None:
    """Play it on servers of its own, and write the file."""
    with tempfile.TemporaryDirectory(prefix="frozen-", ignore_cleanup_errors=True) as directory:
        valkey, sandbox = Valkey(Path(directory)), Sandbox(Path(directory))
        valkey.start()
        sandbox.start()
        # The CRM is made again from its journal, which names records by their ids.
        sandbox.reset(first_id=1)
        relay = Relay(tree, Path(directory), valkey, sandbox)
        try:
            tell(relay)
            file.write_text(json.dumps(frozen(relay), indent=1) + "\n")
        finally:
            for server in (relay, sandbox, valkey):
                server.kill()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
