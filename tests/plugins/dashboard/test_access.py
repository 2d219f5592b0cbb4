"""Who may use the page: requests without the token are refused, whatever they ask for."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("panel")
pytest.importorskip("h5py")

import tornado.httpclient
import tornado.websocket

from pypet.plugins.dashboard.server import running_server

PATHS = ("/", "/ws", "/static/js/bokeh.min.js", "/autoload.js", "/metadata", "/nothing")


@pytest.fixture(scope="module")
def server(experiment_file):
    """A dashboard in a thread of its own, and a way to send requests to it."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    server = SimpleNamespace(loop=loop)

    async def serve():
        server.stop = asyncio.Event()
        async with running_server(str(experiment_file)) as address:
            server.address, server.token = address.url, address.token
            server.origin = f"http://127.0.0.1:{address.port}"
            ready.set()
            await server.stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(60)
    yield server
    loop.call_soon_threadsafe(server.stop.set)
    thread.join(60)
    assert not thread.is_alive()
    loop.close()


def send(server, path, *, method="GET", **headers):
    headers = {name.replace("_", "-"): text for name, text in headers.items()}

    async def fetch():
        return await tornado.httpclient.AsyncHTTPClient(force_instance=True).fetch(
            server.origin + path,
            method=method,
            headers=headers,
            body="" if method == "POST" else None,
            follow_redirects=False,
            raise_error=False,
        )

    return asyncio.run_coroutine_threadsafe(fetch(), server.loop).result(60)


@pytest.fixture(scope="module")
def cookie(server):
    answer = send(server, f"/?token={server.token}")
    assert answer.code == 302
    assert answer.headers["Location"] == "/"
    attributes = answer.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
    return attributes[0]


@pytest.mark.parametrize("path", PATHS)
def test_a_request_without_token_is_refused(server, path):
    answer = send(server, path)
    assert answer.code == 403
    assert b"token" in answer.body
    assert "Set-Cookie" not in answer.headers
    assert send(server, path, Cookie="pypet-ui=wrong").code == 403


@pytest.mark.parametrize("query", ["token=", "token=x", "token=%ff", "token", "other=1"])
def test_a_wrong_token_is_refused(server, query):
    assert send(server, f"/?{query}").code == 403


def test_the_token_is_exchanged_at_the_page_itself_only(server):
    assert send(server, f"/ws?token={server.token}").code == 403
    assert send(server, f"/?token={server.token}", method="POST").code == 403


def test_the_cookie_opens_the_page_and_its_files(server, cookie):
    page = send(server, "/", Cookie=cookie)
    assert page.code == 200
    assert b"cdn" not in page.body.replace(b"cdn.holoviz.org/panel/1", b"")
    assert send(server, "/static/js/bokeh.min.js", Cookie=cookie).code == 200
    assert send(server, "/static/js/bokeh.min.js", Cookie=cookie + "x").code == 403


def test_an_address_with_token_is_shortened_also_with_the_cookie(server, cookie):
    answer = send(server, f"/?token={server.token}", Cookie=cookie)
    assert (answer.code, answer.headers["Location"]) == (302, "/")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "evil.example:80", ""])
def test_a_foreign_host_is_refused(server, cookie, host):
    assert send(server, "/", Cookie=cookie, Host=host).code in (400, 403)


def test_localhost_is_this_host(server, cookie):
    port = server.origin.rpartition(":")[2]
    assert send(server, "/", Cookie=cookie, Host=f"localhost:{port}").code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", ""])
def test_a_foreign_origin_is_refused(server, cookie, origin):
    assert send(server, "/", Cookie=cookie, Origin=origin).code == 403


def connect(server, **headers):
    address = server.origin.replace("http", "ws", 1) + "/ws"
    request = tornado.httpclient.HTTPRequest(address, headers=headers)

    async def attempt():
        connection = await tornado.websocket.websocket_connect(request)
        connection.close()

    asyncio.run_coroutine_threadsafe(attempt(), server.loop).result(60)


def test_the_websocket_needs_cookie_and_origin(server, cookie):
    for headers in ({}, {"Cookie": cookie, "Origin": "http://evil.example"}):
        with pytest.raises(tornado.httpclient.HTTPClientError, match="403"):
            connect(server, **headers)
