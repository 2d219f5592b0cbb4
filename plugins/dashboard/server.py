"""Serving the dashboard on the loopback device, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import panel as pn
from bokeh.core.validation import silence
from bokeh.core.validation.warnings import EMPTY_LAYOUT
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from panel.io.application import build_applications
from panel.io.resources import LOCAL_DIST
from panel.io.server import INDEX_HTML
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets

from pypet.catalog import listed_files
from pypet.plugins.dashboard.access import TOKEN_BYTES, Guard, loopback_hosts
from pypet.plugins.dashboard.model.experiment import Readers
from pypet.plugins.dashboard.model.listing import ExperimentList
from pypet.plugins.dashboard.panes.dashboard import DashboardPane, keep_refreshed
from pypet.support.json_output import to_json_line
from pypet.support.terminal_text import write_lines

ADDRESS = "127.0.0.1"
_TITLE = "pypet"


class Address(NamedTuple):
    """Where the dashboard is served, and what opens it."""

    port: int
    token: str

    @property
    def url(self) -> str:
        """The address of the page, with the token."""
        return f"http://{ADDRESS}:{self.port}/?token={self.token}"


@asynccontextmanager
async def running_server(
    path: str, port: int = 0, log_folder: str | None = None
) -> AsyncIterator[Address]:
    """Serve the dashboard of a file or folder within an ``async with`` block; gives its address.

    ``port`` 0 is any that is free.

    Raises
    ------
    OSError
        The port is in use.
    """
    experiments, readers = ExperimentList(path), Readers()
    experiments.watch()  # meanwhile
    pn.extension("tabulator")
    # Panes are empty until there is something to show: that is no mistake to warn of.
    silence(EMPTY_LAYOUT, True)

    def page() -> Any:
        """Make the page of one viewer."""
        # Panel would load style sheets of what comes later from the network.
        document: Any = pn.state.curdoc
        document.template_variables["dist_url"] = LOCAL_DIST
        pane = DashboardPane(experiments, readers, log_folder)
        return keep_refreshed(pane.view, pane.refresh)

    sockets = bind_sockets(port, ADDRESS)
    port = sockets[0].getsockname()[1]
    token = secrets.token_urlsafe(TOKEN_BYTES)
    application = BokehTornado(
        build_applications(page, title=_TITLE),
        extra_websocket_origins=list(loopback_hosts(port)),
        index=INDEX_HTML,
        keep_alive_milliseconds=10_000,
        unused_session_lifetime_milliseconds=10_000,
        check_unused_sessions_milliseconds=5_000,
    )
    http = HTTPServer(Guard(application, token, port))
    http.add_sockets(sockets)
    server = BaseServer(IOLoop.current(), application, http)
    server.start()
    try:
        yield Address(port, token)
    finally:
        server.stop()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(http.close_all_connections(), 5)
        experiments.close()
        readers.close()


def serve(
    path: str,
    *,
    port: int = 0,
    opens_browser: bool = True,
    log_folder: str | None = None,
    writes_json: bool = False,
) -> None:
    """Serve the dashboard until SIGINT or SIGTERM, and write its address to stdout.

    With ``writes_json`` that is a line of JSON.

    Raises
    ------
    OSError
        The port is in use.
    """

    async def run() -> None:
        stopped = asyncio.Event()
        with contextlib.ExitStack() as stack:
            stack.enter_context(_signals(stopped.set))
            async with running_server(path, port, log_folder) as address:
                lines = _announced(address)
                if writes_json:
                    lines = [await asyncio.to_thread(_described, path, address)]
                write_lines(sys.stdout, lines)
                sys.stdout.flush()
                if opens_browser:
                    file = stack.enter_context(_redirecting_file(address.url))
                    # Browsers of the terminal end when their user quits them.
                    await asyncio.to_thread(webbrowser.open, file)
                await stopped.wait()

    asyncio.run(run())


def _announced(address: Address) -> list[str]:
    return [f"The dashboard is at {address.url}", "CTRL+C ends it."]


def _described(path: str, address: Address) -> str:
    return to_json_line(
        url=address.url,
        host=ADDRESS,
        port=address.port,
        token=address.token,
        pid=os.getpid(),
        path=path,
        files=list(listed_files(path)),
    )


@contextlib.contextmanager
def _signals(stop: Callable[[], object]) -> Iterator[None]:
    """Call a function at SIGINT and SIGTERM within a ``with`` block."""
    loop = asyncio.get_running_loop()

    def handle(number: int, frame: Any) -> None:
        loop.call_soon_threadsafe(stop)

    former = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _redirecting_file(address: str) -> Iterator[str]:
    """Give the address of a file that leads to the page, within a ``with`` block.

    Only this user can read it, while everybody sees the command line with which a browser starts.
    """
    with tempfile.TemporaryDirectory(prefix="pypet-ui-") as folder:  # nobody else may enter it
        path = Path(folder, "open.html")
        path.write_text(
            f'<!DOCTYPE html><meta http-equiv="refresh" content="0; url={address}">', "ascii"
        )
        yield path.as_uri()
