"""`nonecorn completion`: the script that teaches a shell our commands and options."""

from __future__ import annotations

import click


def _completion(shell: str) -> None:
    from click.shell_completion import ShellComplete, get_completion_class  # noqa: PLC0415

    from nonecorn.cli.group import nonecorn  # noqa: PLC0415
    from nonecorn.cli.main import COMPLETION_VARIABLE  # noqa: PLC0415

    kind = get_completion_class(shell)
    assert kind is not None
    # Not kind.source(): for bash, click runs the shell to learn its version. This may be piped
    # anywhere.
    script = ShellComplete.source(kind(nonecorn, {}, "nonecorn", COMPLETION_VARIABLE))
    click.echo(script)


completion = click.Command(
    "completion",
    callback=_completion,
    params=[click.Argument(["shell"], type=click.Choice(["bash", "zsh", "fish"]))],
    help="""Print the completion script of a shell.

    \b
    bash   eval "$(nonecorn completion bash)"    in ~/.bashrc
    zsh    eval "$(nonecorn completion zsh)"     in ~/.zshrc
    fish   nonecorn completion fish > ~/.config/fish/completions/nonecorn.fish
    """,
)
