"""Ask a shop's API over HTTPS: with its credentials, within a time, again where that is safe, and not while it is down.

The only module that opens a connection. Logged are method, path template, status and milliseconds; a filled-in path
may name a customer.
"""

from __future__ import annotations

import logging
import math
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_base, wait_random_exponential

from bot.backoffice.http.answers import Answer, read_answer, retry_after_s
from bot.backoffice.http.breaker import CircuitBreaker
from bot.backoffice.http.settings import Auth, Retries, ShopApi
from bot.errors import BackOfficeAway, BackOfficeError

log = logging.getLogger(__name__)
BUSY = frozenset({429, 502, 503, 504})
# Nothing of the request was sent when these are raised.
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
MOST_CONNECTIONS = 16


class Unsent(BackOfficeAway):
    """The shop cannot be reached, and certainly has nothing of this request."""


class _Again(Exception):
    """One attempt failed in a way that another may not. `sent`: the shop may have acted on it."""

    def __init__(self, why: str, *, sent: bool, after_s: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent
        self.after_s = after_s


def _never(_answer: Answer) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `call` is what may be logged of it: method and path template. `link` is the shop's for a next page."""

    call: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    link: str | None = None
    key: str | None = None
    repeatable: bool = True
    still_busy: Callable[[Answer], bool] = _never


class ShopClient:
    """A pool of connections to one shop. Safe to use from several threads."""

    def __init__(self, api: ShopApi, secret: str) -> None:
        for chatty in ("httpx", "httpcore"):  # they log whole addresses, and those name customers
            logging.getLogger(chatty).setLevel(logging.WARNING)
        self._api = api
        self._base = httpx.URL(api.base_url.rstrip("/"))
        self.breaker = CircuitBreaker(api.breaker.failures, api.breaker.cool_down_s)
        self._client = httpx.Client(
            headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "nightdesk", **api.headers}
            | _credentials(api.auth, secret),
            verify=_trust(api),
            trust_env=False,  # no proxy, .netrc or certificate of the environment's choice sees the shop's data
            follow_redirects=False,
            limits=httpx.Limits(max_connections=MOST_CONNECTIONS, keepalive_expiry=30.0),
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def ask(self, request: Request) -> Answer:
        """Return the shop's answer, whatever its status below 500.

        Raises Unsent or BackOfficeAway where there is none within timeouts.total_s, and BackOfficeError for an answer
        that is too large or leads elsewhere. A request that isn't `repeatable` is sent once.
        """
        url = self._url(request)
        began = time.monotonic()
        deadline = began + self._api.timeouts.total_s
        maybe_sent = False
        try:
            for attempt in self._attempts(self._api.retries.attempts if request.repeatable else 1):
                with attempt:
                    try:
                        return self._once(request, url, deadline)
                    except _Again as again:
                        maybe_sent = maybe_sent or again.sent
                        raise
        except _Again as again:
            kind = BackOfficeAway if maybe_sent else Unsent
            raise kind(f"{request.call}: {again.why}") from None
        raise AssertionError("an attempt returns or raises")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _attempts(self, most: int) -> Retrying:
        return Retrying(
            stop=stop_after_attempt(most) | stop_before_delay(self._api.timeouts.total_s),
            wait=_Wait(self._api.retries),
            retry=retry_if_exception_type(_Again),
            reraise=True,
        )

    def _once(self, request: Request, url: httpx.URL, deadline: float) -> Answer:
        if not self.breaker.admits():
            why = "the shop failed several times running, so nothing is sent for a while"
            raise _Again(why, sent=False, after_s=math.inf)  # longer than any request may take: no other attempt
        began = time.monotonic()
        well, told = False, "stopped"
        try:
            answer = self._send(request, url, deadline)
            well, told = True, str(answer.status)
        except (_Again, BackOfficeAway) as error:
            told = error.why if isinstance(error, _Again) else "5xx"
            raise
        except BackOfficeError:  # an answer, if not one to be used
            well, told = True, "refused"
            raise
        finally:
            self.breaker.succeeded() if well else self.breaker.failed()
            log.info("%s: %s, %.0f ms", request.call, told, 1000 * (time.monotonic() - began))
        if request.still_busy(answer):
            raise _Again("the shop is still at the first request with this key", sent=True)
        return answer

    def _send(self, request: Request, url: httpx.URL, deadline: float) -> Answer:
        left = max(0.05, deadline - time.monotonic())
        times = self._api.timeouts
        timeout = httpx.Timeout(min(times.read_s, left), connect=min(times.connect_s, left), pool=left)
        headers = {self._api.idempotency.header: request.key} if request.key else {}
        try:
            with self._client.stream(
                request.method, url, json=request.body, headers=headers, timeout=timeout
            ) as response:
                _stay_here(request.call, response)
                status = response.status_code
                if status in BUSY:
                    sent = status != httpx.codes.TOO_MANY_REQUESTS
                    raise _Again(f"the shop answered {status}", sent=sent, after_s=retry_after_s(response))
                if response.is_server_error:
                    raise BackOfficeAway(f"{request.call}: the shop answered {status}")
                return read_answer(response, request.call, self._api.most_bytes, deadline)
        except UNSENT as error:
            why = "its certificate does not verify" if "CERTIFICATE" in str(error) else type(error).__name__
            raise _Again(f"the shop cannot be reached ({why})", sent=False) from None
        except httpx.TimeoutException as error:
            raise _Again(f"the shop did not answer in time ({type(error).__name__})", sent=True) from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise _Again(f"the connection was lost ({type(error).__name__})", sent=True) from None

    def _url(self, request: Request) -> httpx.URL:
        """Below base_url; or the address that the shop gave for its next page, on the same host only."""
        url = httpx.URL(f"{self._base}{request.path}", params=dict(request.query) or None)
        if request.link is None:
            return url
        try:
            url = url.join(request.link)
        except httpx.InvalidURL:
            raise BackOfficeError(f"{request.call}: the next page's address cannot be read") from None
        if (url.scheme, url.host, url.port) != (self._base.scheme, self._base.host, self._base.port) or url.userinfo:
            raise BackOfficeError(f"{request.call}: the next page's address is on another host than base_url")
        return url


class _Wait(wait_base):
    """A random part of a time that doubles, or as long as the shop asks for."""

    def __init__(self, retries: Retries) -> None:
        self._own = wait_random_exponential(multiplier=retries.backoff_s, max=retries.backoff_most_s)

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.after_s if isinstance(error, _Again) else None
        return max(self._own(retry_state), asked or 0.0)


def _stay_here(call: str, response: httpx.Response) -> None:
    if response.is_redirect or response.status_code // 100 == 3:
        raise BackOfficeError(
            f"{call}: the shop answered {response.status_code}, a redirect, and none is followed; "
            "set base_url and the path to where the API is"
        )


def _credentials(auth: Auth, secret: str) -> dict[str, str]:
    if auth.kind == "basic":
        pair = b64encode(f"{auth.username}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {auth.header: secret} if auth.kind == "header" else {"Authorization": f"Bearer {secret}"}


def _trust(api: ShopApi) -> ssl.SSLContext:
    """The usual authorities, and the company's own where it has one; verification is never off."""
    if not api.base_url.lower().startswith(
        "https:"
    ):  # loopback: nothing is asked over TLS, and nobody would be trusted
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = httpx.create_ssl_context(verify=True, trust_env=False)
    if api.ca_file is None:
        return context
    try:
        context.load_verify_locations(api.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise BackOfficeError(f"ca_file {api.ca_file} should hold certificates in PEM, but: {error}") from error
    return context
