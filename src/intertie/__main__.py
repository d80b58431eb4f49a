"""`python -m intertie`."""

from intertie.cli import main

main()
