"""`explain`: why a service is where it is, or what would become of a request."""

import click

from intertie.cli.integrations import explain_integration
from intertie.cli.routes import explain_request
from intertie.cli.services import explain as explain_service


class _Explain(click.Group):
    """`explain SERVICE` is `explain service SERVICE`; other words are said."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return "service", explain_service, args

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options before the service's name are the service's."""
        own = {"-h", "--help"}
        if args and args[0] not in own and args[0].startswith("-"):
            args = ["service", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Explain)
def explain() -> None:
    """Say why a SERVICE is where it is, or what would become of a request.

    `explain SERVICE` tells what it waits for, who blocks it and why it restarted. `explain request
    GET /path` tells which route takes the request and which lines of the file decide. `explain
    integration NAME` tells where each setting of a connection is from.
    """


explain.add_command(explain_service, "service")
explain.add_command(explain_request, "request")
explain.add_command(explain_integration, "integration")
