"""`python -m buybuddy.cli`."""

from buybuddy.cli import main

main()
