"""One browser for all tests, skipped where there is none."""

from __future__ import annotations

import pytest

from tests.browser.browsing import running_browser, why_no_browser


@pytest.fixture(scope="session")
def browser():
    """The context of a browser with a fresh profile."""
    if reason := why_no_browser():
        pytest.skip(reason)
    with running_browser() as context:
        yield context


@pytest.fixture
def page(browser):
    """A page of the browser; errors of its scripts, and requests to anybody else, fail the test."""
    page = browser.new_page()
    errors: list[str] = []
    requests: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    yield page
    page.close()
    assert errors == []
    foreign = ("data:", "blob:", "about:", "http://127.0.0.1:")
    assert [address for address in requests if not address.startswith(foreign)] == []
