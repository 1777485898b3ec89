"""`python -m app.cli`: the same program as `relay`, where the package is not installed (Heroku, Docker)."""

import logging

from app.cli.main import main
from app.logs import configure_logs

# A command's output is for the person or program that gave it; what went wrong beside it is on stderr.
configure_logs(level=logging.WARNING)
main(prog_name="relay")
