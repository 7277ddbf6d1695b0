"""`python -m services.cli`: the same as `attackacrack`."""

from services.cli.app import main

if __name__ == "__main__":
    main()
