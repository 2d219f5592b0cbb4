"""Who may use the page: whoever has the token, from a page that came from the same server.

Every program and every user of a machine can connect to its loopback device, and any web page can
make a browser send requests to it. So each request, those of the websocket included, needs

- the token: in the printed address, which the browser exchanges for a cookie at once, so that the
  token is in no address that leaves the browser or stays in its bar;
- a ``Host`` that is the loopback device and the port, since a page of somebody else may have a
  name that was made to lead there (DNS rebinding);
- an ``Origin``, if there is one, of the same kind: cookies do not tell ports apart.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Any

from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Router
from tornado.web import Application, RequestHandler

TOKEN_BYTES = 32
_PARAMETER = "token"


def loopback_hosts(port: int) -> tuple[str, ...]:
    """Return what ``Host`` may be."""
    return f"127.0.0.1:{port}", f"localhost:{port}"


class Guard(Router):
    """Passes requests on to an application if they may use it, and refuses all others with 403."""

    def __init__(self, application: Application, token: str, port: int) -> None:
        """Guard an application that is served on a port of the loopback device."""
        self._application = application
        self._token = token.encode("ascii")
        self._hosts = frozenset(loopback_hosts(port))
        self._origins = frozenset(f"http://{host}" for host in self._hosts)
        # Browsers send cookies to all ports; one of another dashboard must not replace this one.
        self._cookie = f"pypet-ui-{port}"

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        """Return what answers a request."""
        if not self._comes_from_here(request):
            return self._answer(request, RefusedHandler)
        if self._has_cookie(request):
            if request.path == "/" and _PARAMETER in request.arguments:
                return self._answer(request, EntryHandler, cookie=None)
            return self._application.find_handler(request, **kwargs)
        if request.path == "/" and request.method == "GET":
            given = request.arguments.get(_PARAMETER, ())
            if any(self._is_token(each) for each in given):
                cookie = (self._cookie, self._token.decode("ascii"))
                return self._answer(request, EntryHandler, cookie=cookie)
        return self._answer(request, RefusedHandler)

    def _answer(
        self, request: HTTPServerRequest, handler: type[RequestHandler], **options: Any
    ) -> HTTPMessageDelegate:
        return self._application.get_handler_delegate(request, handler, options)

    def _comes_from_here(self, request: HTTPServerRequest) -> bool:
        headers = request.headers
        if headers.get_list("Host") != [request.host] or request.host not in self._hosts:
            return False
        origins: Iterable[str] = (
            *headers.get_list("Origin"),
            *headers.get_list("Sec-Websocket-Origin"),
        )
        return all(origin in self._origins for origin in origins)

    def _has_cookie(self, request: HTTPServerRequest) -> bool:
        morsel = request.cookies.get(self._cookie)
        return morsel is not None and self._is_token(morsel.value.encode("utf8", "replace"))

    def _is_token(self, given: bytes) -> bool:
        return hmac.compare_digest(given, self._token)


class RefusedHandler(RequestHandler):
    """Answers with 403 whatever is asked."""

    def prepare(self) -> None:
        """Refuse the request before anything of it is looked at."""
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("Open the address that `pypet ui` has printed, with its token.\n")


class EntryHandler(RequestHandler):
    """Leads to the page itself, and gives the cookie that opens it."""

    def initialize(self, cookie: tuple[str, str] | None) -> None:
        """``cookie`` is name and value of the cookie to set, None for none."""
        self._given = cookie

    def get(self) -> None:
        """Redirect to the page without token in its address."""
        if self._given is not None:
            name, value = self._given
            self.set_cookie(name, value, httponly=True, samesite="Strict", path="/")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        self.redirect("/")
