"""The command `hotline-exchange`: puts the groups together, and turns every error into a sentence and a code.

Exit codes: 0 done; 1 the operation failed or was refused; 2 wrong usage or input; 3 the node is not there, or
try later; 4 the evidence is doubtful; 70 a fault of the program or its disk; 130 interrupted. No error of a
user shows a traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from exchange import __version__
from exchange.cli import (
    answers,
    change,
    demo,
    doctor,
    evidence,
    inbox,
    join,
    keys,
    node_state,
    peers,
    prove,
    referrals,
    registry,
    send,
    serve,
    submissions,
    testing,
    tokens,
    trouble,
)
from exchange.cli.show import Show
from exchange.errors import Broken, ExchangeError, Invalid, Refused, Unavailable

OK: Final = 0
FAILED: Final = 1
WRONG_INPUT: Final = 2
NOT_REACHABLE: Final = 3
BROKEN: Final = 70
INTERRUPTED: Final = 130
_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})
"""What is wrong with a disk and not with what the user said."""

HELP: Final = """Exchange referrals between internet hotlines.

Exit codes: 0 done, 1 failed or refused, 2 wrong usage or input, 3 node not reachable, 4 evidence that is
doubtful, 70 broken.
"""

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command("join")(join.join)
app.command("prove")(prove.prove)
app.command("change")(change.change)
app.command("serve")(serve.serve)
app.command("send")(send.send)
app.command("inbox")(inbox.inbox)
app.command("show")(referrals.show)
app.command("list")(referrals.list_)
app.command("outcome")(answers.outcome)
app.command("withdraw")(answers.withdraw)
app.add_typer(submissions.app, name="submissions")
app.command("peers")(peers.peers)
app.command("route")(peers.route)
app.command("test")(testing.exchange_test)
app.add_typer(trouble.dead_letters, name="dead-letters")
app.add_typer(trouble.quarantine, name="quarantine")
app.add_typer(keys.app, name="keys")
app.add_typer(evidence.app, name="evidence")
app.add_typer(registry.app, name="registry")
app.add_typer(tokens.app, name="tokens")
app.add_typer(node_state.journal, name="journal")
app.command("status")(node_state.status)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"hotline-exchange {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def exit_code(error: ExchangeError) -> int:
    """The exit code of an error, by whose fault it is."""
    if isinstance(error, Invalid):
        return WRONG_INPUT
    if isinstance(error, Unavailable):
        return NOT_REACHABLE
    return FAILED if isinstance(error, Refused) else BROKEN


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    show = Show("--json" in given)
    try:
        return int(app(given, prog_name="hotline-exchange", standalone_mode=False) or OK)
    except ExchangeError as error:
        show.error(error)
        return exit_code(error)
    except typer.TyperException as error:
        return _usage(error, show)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does: nothing failed, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        if error.errno in _DISK:
            what = (error.strerror or "cannot be written").lower()
            hint = "every file that was written is whole: make room on the disk, and say it again"
            show.error(Broken("disk", f"{error.filename or 'the disk'}: {what}", hint=hint))
            return BROKEN
        name = f"{error.filename}: " if isinstance(error.filename, str) else ""
        show.error(Invalid("file", f"{name}{(error.strerror or 'cannot be used').lower()}"))
        return WRONG_INPUT
    except Exception as error:
        # The last net: a fault of ours is told by its kind and place, never by what it holds.
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{place.tb_frame.f_globals.get('__name__', '?')}:{place.tb_lineno}" if place else "?"
        message = f"a fault of the program: {type(error).__name__} at {where}"
        show.error(Broken("internal", message, hint="please report it"))
        return BROKEN


def _usage(error: typer.TyperException, show: Show) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stdout.write(error.format_message() + "\n")
        return WRONG_INPUT
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "hotline-exchange"
    show.error(Invalid("usage", error.format_message().rstrip("."), hint=f"{command} --help"))
    return WRONG_INPUT
