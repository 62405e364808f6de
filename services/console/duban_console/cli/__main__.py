"""``python -m duban_console.cli``."""

from duban_console.cli import main

if __name__ == "__main__":
    main()
