"""What surrounds every request: its id, the log without patient data, the counts, and headers of safety."""

import time
import uuid
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medweave.core.logging import get_logger
from medweave.serving.loopback import is_loopback
from medweave.serving.rest.metrics import Metrics
from medweave.serving.rest.problem import Problem, internal_problem

logger = get_logger(__name__)

#: Answers are about patients: nobody on the way keeps them, and no browser guesses what they are.
SAFETY = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
UNKNOWN_ROUTE = "none"
HTTP_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class RequestLog:
    """Logs and counts requests by their route, never by what they hold, and lets no error out.

    Args:
        app: What answers.
        metrics: Are told of each request.
        needs_loopback: Refuse requests that name another host than this machine, as a web page does whose name was
            bound to it (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, needs_loopback: bool) -> None:
        self.app = app
        self.metrics = metrics
        self.needs_loopback = needs_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, request_id, status = time.monotonic(), uuid.uuid4().hex, 0
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update({**SAFETY, "X-Request-ID": request_id})
            await send(message)

        try:
            await self._answer(scope, receive, send_marked)
        except ClientDisconnect:
            pass
        except Exception:
            logger.exception("request=%s failed", request_id)
            if not status:
                await internal_problem().response(request_id)(scope, receive, send_marked)
        finally:
            self._tell(scope, request_id, status, time.monotonic() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.needs_loopback and not is_loopback(_host(scope)):
            problem = Problem(HTTPStatus.MISDIRECTED_REQUEST, "wrong-host", "Ask for 127.0.0.1 or localhost.")
            await problem.response(scope["state"]["request_id"])(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _tell(self, scope: MutableMapping[str, Any], request_id: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
        method = scope["method"] if scope["method"] in HTTP_METHODS else "other"
        self.metrics.requests.labels(method, route, status or "gone").inc()
        self.metrics.request_seconds.labels(route).observe(seconds)
        logger.info(
            "request=%s method=%s route=%s status=%s ms=%.1f",
            request_id,
            method,
            route,
            status or "gone",
            1000 * seconds,
        )


def _host(scope: Scope) -> str:
    """Return the host that a request names, without its port."""
    try:
        return urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname or ""
    except ValueError:
        return ""
