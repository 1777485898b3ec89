"""`python -m app.cli`: the same program as `relay`, where the package is not installed (Heroku, Docker)."""

from app.cli.main import main

main()
