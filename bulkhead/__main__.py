"""`python -m bulkhead` is the command line."""

from bulkhead.cli import main

main()
