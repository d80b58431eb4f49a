"""Commands that give access: tokens, addresses, shell completion."""

import sys
from collections.abc import Sequence

import click
from click.shell_completion import get_completion_class

from intertie.cli import render
from intertie.cli.client import Client
from intertie.cli.options import Target, json_option, suite_options
from intertie.cli.running import addresses
from intertie.errors import NotFoundError


@click.command()
@suite_options
@json_option
@click.option("--subject", default="local", show_default=True, help="Whom the token is for.")
@click.option("--user", metavar="LOGIN", help="For this user, with its roles and groups.")
@click.option("--tenant", metavar="NAME", help="Of whom it is for (default: the default one).")
@click.option("--role", "roles", multiple=True, help="A role to put into it; may be repeated.")
@click.option(
    "--ttl", metavar="DURATION", help="Lifetime such as 15m or 12h (default: the file's)."
)
@click.option("--revoke", metavar="TOKEN", help="End a token, or its `jti`; - is standard input.")
@click.option("--replace-keys", is_flag=True, help="After a leak: end all tokens made so far.")
def token(
    *,
    target: Target,
    roles: Sequence[str],
    as_json: bool,
    revoke: str | None,
    replace_keys: bool,
    **given: str | None,
) -> None:
    """Print a token that the gateway accepts, or end one."""
    if given["user"] and roles:
        raise click.UsageError("the token of a user has the user's roles: leave --role out")
    if replace_keys and revoke is not None:
        raise click.UsageError("--replace-keys ends all tokens: leave --revoke out")
    body = {name: value for name, value in given.items() if value is not None}
    with Client.connect(target.folder) as client:
        if revoke is not None:
            shown = sys.stdin.read().strip() if revoke == "-" else revoke
            answer = client.post("/api/tokens/revoke", {"token": shown})
        elif replace_keys:
            answer = client.post("/api/tokens/replace-keys")
        else:
            answer = client.post("/api/tokens", {**body, "roles": list(roles)})
    if as_json:
        render.as_json(answer)
    elif revoke is not None:
        click.echo(f"revoked {answer['id']}")
    else:
        click.echo(f"signs with {answer['kid']}" if replace_keys else answer["access_token"])


@click.command()
@suite_options
@click.argument("name")
def url(target: Target, name: str) -> None:
    """Print the address of `gateway`, `api` or a service's first replica."""
    known = addresses(target.folder)
    if name in known:
        click.echo(known[name])
        return
    with Client.connect(target.folder) as client:
        replicas = client.get(f"/api/services/{name}")["replicas"]
    if replicas[0]["port"] is None:
        raise NotFoundError(f"cannot tell the address of {name!r}: it has no port")
    click.echo(f"http://127.0.0.1:{replicas[0]['port']}")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL, to be sourced by its start-up file.

    For bash: intertie completion bash > ~/.local/share/bash-completion/completions/intertie
    """
    found = get_completion_class(shell)
    if found is None:  # pragma: no cover - Click ships all three
        raise NotFoundError(f"cannot complete for {shell}")
    click.echo(found(context.find_root().command, {}, "intertie", "_INTERTIE_COMPLETE").source())
