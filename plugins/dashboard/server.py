"""Serving the dashboard on the loopback device, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import sys
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from panel.io.application import build_applications
from panel.io.resources import LOCAL_DIST
from panel.io.server import INDEX_HTML
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets

from pypet.plugins.dashboard.access import TOKEN_BYTES, Guard, loopback_hosts
from pypet.plugins.dashboard.model.experiment import Readers
from pypet.plugins.dashboard.model.listing import ExperimentList
from pypet.plugins.dashboard.panes.dashboard import DashboardPane, keep_refreshed
from pypet.support.terminal_text import write_lines

ADDRESS = "127.0.0.1"
_TITLE = "pypet"


@asynccontextmanager
async def running_server(
    path: str, port: int = 0, log_folder: str | None = None
) -> AsyncIterator[str]:
    """Serve the dashboard of a file or folder within an ``async with`` block; gives its address.

    The address has the token. ``port`` 0 is any that is free.

    Raises
    ------
    OSError
        The port is in use.
    """
    experiments, readers = ExperimentList(path), Readers()
    experiments.watch()  # meanwhile
    pn.extension("tabulator")

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
        yield f"http://{ADDRESS}:{port}/?token={token}"
    finally:
        server.stop()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(http.close_all_connections(), 5)
        experiments.close()
        readers.close()


def serve(
    path: str, *, port: int = 0, opens_browser: bool = True, log_folder: str | None = None
) -> None:
    """Serve the dashboard until SIGINT or SIGTERM, and write its address to stdout.

    Raises
    ------
    OSError
        The port is in use.
    """
    asyncio.run(_serve(path, port, log_folder, opens_browser=opens_browser))


async def _serve(path: str, port: int, log_folder: str | None, *, opens_browser: bool) -> None:
    stopped = asyncio.Event()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_signals(stopped.set))
        async with running_server(path, port, log_folder) as address:
            write_lines(sys.stdout, [f"The dashboard is at {address}", "CTRL+C ends it."])
            sys.stdout.flush()
            if opens_browser:
                file = stack.enter_context(_redirecting_file(address))
                # Browsers of the terminal end when their user quits them.
                await asyncio.to_thread(webbrowser.open, file)
            await stopped.wait()


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
