"""Writes the help texts into the page of the commands: `python docs/generate_commands.py`.

With `--check` it writes nothing and fails when the page is out of date. What stands before the mark is
written by hand.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from pulumi_wmlfl.cli.main import COMMANDS, cli

PAGE = Path(__file__).with_name("commands.md")
MARK = "<!-- Below: written by docs/generate_commands.py from the help texts. -->"


def main() -> int:
    written = PAGE.read_text(encoding="utf-8")
    page = "\n".join([written.partition(MARK)[0] + MARK, "", *sections()])
    if "--check" in sys.argv[1:]:
        if written == page:
            return 0
        print(f"{PAGE.name} is out of date: run python docs/generate_commands.py", file=sys.stderr)
        return 1
    PAGE.write_text(page, encoding="utf-8")
    return 0


def sections() -> Iterator[str]:
    context = click.Context(cli, info_name="wmlfl")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield f"## wmlfl {name}\n"
        yield from texts(command, name, context)


def texts(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    settings = {"terminal_width": 100, "max_content_width": 100, "help_option_names": ["-h", "--help"]}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield f"```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from texts(found, inner, context)


if __name__ == "__main__":
    sys.exit(main())
