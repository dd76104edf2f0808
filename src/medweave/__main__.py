"""`python -m medweave`."""

from medweave.cli.main import main

main()
