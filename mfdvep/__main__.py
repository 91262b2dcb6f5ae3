"""Lets `python -m mfdvep` run the command."""

from mfdvep.cli.main import main

if __name__ == "__main__":
    main()
