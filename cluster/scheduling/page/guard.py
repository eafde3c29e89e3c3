"""Who may see the page and act on it.

On loopback everyone on this machine may. Two things must still not be possible from a web site that a user
has open elsewhere: reading the page under a name of that site's own (so only loopback names are answered),
and acting by a form or an image (so an action needs a header that other sites cannot send unasked).
Bound elsewhere, a token is needed: once in the address, from then on as a cookie that no script can read.
"""

import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

__all__ = ["ACTION_HEADER", "COOKIE", "LOOPBACK", "Guard"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
COOKIE = "posenas_token"
ACTION_HEADER = "X-Posenas"

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Next = Callable[[Request], Awaitable[Response]]


class Guard:
    """Middleware of the page.

    Args:
        token: what a visitor must show; None: the page is on loopback, and only loopback names are answered.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token

    async def __call__(self, request: Request, answer: Next) -> Response:
        """Answer a request, or say why not."""
        response = self._refusal(request) or await answer(request)
        response.headers.update(_HEADERS)
        return response

    def _refusal(self, request: Request) -> Response | None:
        if self._token is None:
            if request.url.hostname not in LOOPBACK:
                return _no(HTTPStatus.FORBIDDEN, f"this page is for this machine alone: use {LOOPBACK[0]}")
        elif (entered := self._enter(request)) is not None:
            return entered
        if request.method not in ("GET", "HEAD") and not _meant(request):
            return _no(HTTPStatus.FORBIDDEN, f"an action needs the header {ACTION_HEADER} and our own page")
        return None

    def _enter(self, request: Request) -> Response | None:
        """None for who may come in; a token in the address becomes a cookie and leaves the address."""
        if self._matches(request.query_params.get("token")):
            response = RedirectResponse(request.url.path, HTTPStatus.SEE_OTHER)
            response.set_cookie(COOKIE, str(self._token), httponly=True, samesite="strict")
            return response
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._matches(bearer) or self._matches(request.cookies.get(COOKIE)):
            return None
        return _no(
            HTTPStatus.UNAUTHORIZED, "a token is needed: open the address that `posenas queue --web` printed"
        )

    def _matches(self, shown: str | None) -> bool:
        return bool(shown) and hmac.compare_digest(str(shown).encode(), str(self._token).encode())


def _meant(request: Request) -> bool:
    """Whether an action comes from our own page, or from a program, and not from another site."""
    origin = request.headers.get("Origin")
    return _is_own(origin, request) and ACTION_HEADER in request.headers


def _is_own(origin: str | None, request: Request) -> bool:
    try:
        return origin is None or urlsplit(origin).netloc == request.headers.get("Host")
    except ValueError:  # it is no address at all
        return False


def _no(status: HTTPStatus, sentence: str) -> Response:
    return PlainTextResponse(sentence + "\n", status)
