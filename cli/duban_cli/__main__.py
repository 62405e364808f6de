"""``python -m duban_cli``."""

from duban_cli import main

if __name__ == "__main__":
    main()
