"""A group of commands whose help lists them in a person's order, under headings."""

import click


class Sections(click.Group):
    """Commands under headings, as they were added; click has them by the alphabet."""

    def __init__(self, *args: object, **kwargs: object):
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._sections: dict[str, list[str]] = {}

    def add_section(self, heading: str, *commands: click.Command) -> None:
        """Add commands under a heading."""
        for command in commands:
            self.add_command(command)
        self._sections[heading] = [str(command.name) for command in commands]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the headings."""
        return [name for names in self._sections.values() for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write name and first line of every command, all in the same columns."""
        width = max(map(len, self.commands))
        for heading, names in self._sections.items():
            with formatter.section(heading):
                limit = formatter.width - width - 6
                lines = [self.commands[name].get_short_help_str(limit) for name in names]
                padded = [name.ljust(width) for name in names]
                formatter.write_dl(list(zip(padded, lines, strict=True)))
