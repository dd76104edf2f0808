"""What cannot be understood as HTTP is refused by a problem document too."""

import uuid
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from medweave.core.logging import get_logger
from medweave.serving.rest.problem import Problem

logger = get_logger(__name__)

#: For which the rest of a refused request is thrown away: who still sends loses the answer when the connection closes.
LINGER_S = 2.0


class HttpProtocol(H11Protocol):
    """HTTP/1.1 whose own refusals are problem documents."""

    _is_refused = False

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it belongs to a request that is refused."""
        if not self._is_refused:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- uvicorn's words, in its name
        """Refuse a request that cannot be parsed."""
        self._is_refused = True
        request_id = uuid.uuid4().hex
        logger.info("request=%s status=400 problem=malformed-request", request_id)
        detail = "The request is not of HTTP/1.1, or its headers are too long."
        answer = Problem(HTTPStatus.BAD_REQUEST, "malformed-request", detail).response(request_id)
        headers = [*answer.raw_headers, (b"connection", b"close")]
        status = h11.Response(status_code=answer.status_code, headers=headers, reason=HTTPStatus.BAD_REQUEST.phrase)
        for event in (status, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)
