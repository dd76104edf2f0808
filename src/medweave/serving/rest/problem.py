"""What is answered when a request fails: problem documents of RFC 9457."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


class ProblemDocument(BaseModel):
    """Why a request failed."""

    type: str
    """A name of the kind of problem, for programs."""
    title: str
    """The kind of problem in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What is wrong here, and what to do."""
    instance: str
    """The request, as the log knows it."""


class Problem(Exception):  # noqa: N818 -- the word of RFC 9457
    """A request that is refused or has failed.

    Args:
        status: HTTP status.
        kind: Name of the kind, in small letters with hyphens.
        detail: What is wrong and what to do, without the names of files on this machine.
        headers: Of the response.
    """

    def __init__(self, status: HTTPStatus, kind: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.headers = status, kind, detail, dict(headers or {})

    def document(self, request_id: str) -> ProblemDocument:
        """Return the document that tells of the problem."""
        return ProblemDocument(
            type=f"urn:medweave:problem:{self.kind}",
            title=self.kind.replace("-", " ").capitalize(),
            status=self.status,
            detail=self.detail,
            instance=f"urn:uuid:{request_id}",
        )

    def response(self, request_id: str) -> JSONResponse:
        """Return the response."""
        content = self.document(request_id).model_dump()
        return JSONResponse(content, status_code=self.status, headers=self.headers, media_type=MEDIA_TYPE)


def internal_problem() -> Problem:
    """Return the problem of a defect."""
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", "The service failed; its log tells why, under this request."
    )


def answer_with_problems(app: FastAPI) -> None:
    """Let an application answer every refusal, its own and the framework's, with a problem document."""
    app.add_exception_handler(Problem, _of_problem)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)


async def _of_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 -- registered for it alone
    return error.response(request.state.request_id)


async def _of_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    status = HTTPStatus(error.status_code)
    problem = Problem(status, status.phrase.lower().replace(" ", "-"), error.detail, headers=error.headers)
    return problem.response(request.state.request_id)


async def _of_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    # What was sent stays out of the answer and the log: it may be a patient's.
    wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", wrong).response(request.state.request_id)
