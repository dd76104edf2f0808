"""From the body of a request to images on disk and facts about the case."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from medweave.serving.admission import Admission, Refusal, RefusedImageError
from medweave.serving.limits import BYTES_PER_MB, Limits
from medweave.serving.rest.problem import Problem
from medweave.serving.served_model import ServedModel

MAX_ATTRIBUTES, MAX_ATTRIBUTE_BYTES = 16, 1024
STATUS: dict[Refusal, HTTPStatus] = {
    "damaged-image": HTTPStatus.UNPROCESSABLE_ENTITY,
    "empty-image": HTTPStatus.UNPROCESSABLE_ENTITY,
    "image-too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported-image": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}
ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Upload:
    """What a client sent.

    Attributes:
        images: Written file by image name.
        attributes: Further facts of the case, as text ("height_cm").
    """

    images: Mapping[str, Path]
    attributes: Mapping[str, str]


async def receive(request: Request, model: ServedModel, folder: Path, limits: Limits) -> Upload:
    """Receive the images of a case; nothing of what the client calls its files is looked at.

    Args:
        request: With a multipart body that was not read yet.
        model: What the images are for.
        folder: New folder, where the images go.
        limits: What the request must keep.

    Raises:
        Problem: The body is no form, too large or too slow, or an image is refused.
    """
    form = await _form(request, limits, max_files=len(model.preprocessors))
    try:
        files = _images(form, model)
        attributes = _attributes(form, model)
        admission = Admission(folder, limits)

        def admit() -> dict[str, Path]:
            return {name: admission.admit(file.file, name, model.preprocessors[name]) for name, file in files.items()}

        return Upload(await run_in_threadpool(admit), attributes)
    except RefusedImageError as error:
        raise Problem(STATUS[error.kind], error.kind, str(error)) from error
    finally:
        await form.close()


async def _form(request: Request, limits: Limits, *, max_files: int) -> FormData:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-a-form", "Send multipart/form-data: curl -F image=@FILE …"
        )
    parser = MultiPartParser(
        request.headers,
        _bounded(request, limits.upload_mb * BYTES_PER_MB),
        max_files=max_files,
        max_fields=MAX_ATTRIBUTES,
        max_part_size=MAX_ATTRIBUTE_BYTES,
    )
    try:
        async with asyncio.timeout(limits.upload_s):
            return await parser.parse()
    except TimeoutError as error:
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT, "upload-too-slow", f"The upload took longer than {limits.upload_s:g} s."
        ) from error
    except MultiPartException as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed-form", error.message) from error
    except UnicodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed-form", "The form's charset decodes nothing.") from error


async def _bounded(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes; stop before it is larger than it may be, whatever its header says."""
    problem = Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "upload-too-large", f"More than {max_bytes} bytes are not taken here."
    )
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > max_bytes:
        raise problem
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise problem
        yield chunk


def _images(form: FormData, model: ServedModel) -> dict[str, UploadFile]:
    files = [(name, value) for name, value in form.multi_items() if isinstance(value, UploadFile)]
    names = [name for name, _ in files]
    if not names or len(set(names)) < len(names) or not set(names) <= set(model.preprocessors):
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "wrong-images",
            f"Send one file each under some of these names: {', '.join(model.preprocessors)}.",
        )
    return dict(files)


def _attributes(form: FormData, model: ServedModel) -> dict[str, str]:
    values = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    for name, _ in values:
        if name in model.preprocessors:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-images", f"{name!r} is text; send it as a file.")
        if not ATTRIBUTE_NAME.fullmatch(name):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "wrong-attributes",
                "Facts about the case have names of at most 40 small letters, digits and underscores: height_cm=180.",
            )
    return dict(values)
