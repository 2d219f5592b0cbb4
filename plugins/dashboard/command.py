"""The command ``pypet ui``: its arguments, and what it needs."""

from __future__ import annotations

import argparse
import os

from pypet.interfaces import Command

NEEDED = ("panel", "bokeh", "pandas")


def ui(arguments: argparse.Namespace) -> int:
    """Serve the dashboard until CTRL+C or SIGTERM; the status is 0 then.

    Raises
    ------
    MissingDependencyError
        Panel is not installed.
    FileNotFoundError
        There is no such file or folder.
    OSError
        The port is in use.
    """
    # Deferred, because each start of `pypet` registers this command.
    from pypet.support.optional import require

    path = os.path.abspath(arguments.path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no file or folder {path}.")
    for name in NEEDED:
        require(name, plugin="ui", extra="ui")
    from pypet.plugins.dashboard.server import serve

    serve(
        path,
        port=arguments.port,
        opens_browser=not (arguments.no_browser or arguments.json),
        log_folder=arguments.log_folder,
        writes_json=arguments.json,
    )
    return 0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        nargs="?",
        default=".",
        help="file of a storage service, or a folder with such files; default: this folder",
    )
    parser.add_argument(
        "--port", type=_port, default=0, metavar="N", help="default: any that is free"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="write the address, and open no browser"
    )
    parser.add_argument(
        "--log-folder",
        metavar="FOLDER",
        help="folder with log files; default: logs, here or beside a file",
    )

    parser.add_argument(
        "--json",
        action="store_true",
        help="write a line of JSON for other programs when it listens, and open no browser",
    )


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port, a number from 1 to 65535")
    return int(text)


UI = Command("ui", "Look at experiments in a browser.", ui, _add_arguments)
