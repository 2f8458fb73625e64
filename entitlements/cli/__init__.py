"""The command line, of typer and rich: a room for each command."""
