"""Hundreds of broken and malicious requests to a real process of the service."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import re
import socket
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx2
import numpy as np
import psutil
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image

pytestmark = pytest.mark.slow

LIMITS = ("--upload-mb", 4, "--decompressed-mb", 16, "--pixels", 1_000_000, "--voxels", 1_000_000)
SEEDS = 4
#: Beyond the level before the requests, which would unpack some hundred megabytes.
MEMORY_BYTES = 48 * 2**20
#: What clients call their files, and what must not come back.
NAMES = (
    "../../etc/passwd",
    "/etc/shadow",
    "..\\..\\Jane Doe.nii",
    "Jane\x00Doe.nii",
    "x" * 4000,
    "|rm -rf Jane Doe;",
    "$(reboot).png",
    "Jane Doe ü 日本.nii.gz",
)
#: Where a NIfTI-1 header has them, in bytes.
SIZES, TYPE, SPACING, START, SLOPE, FORM_CODES, AFFINE, MAGIC = 40, 70, 80, 108, 112, 252, 280, 344


Answer = tuple[int, str, bytes]


class StartedService(Protocol):
    """What `start_service` yields."""

    process: subprocess.Popen[bytes]
    address: str
    temporary: Path
    log: Path


@dataclass(frozen=True)
class Request:
    """What is sent to a model."""

    model: str
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "multipart/form-data; boundary=x"})


def part(name: str, content: bytes, *, filename: str | None = "a") -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"


def form(content: bytes, filename: str = "a") -> bytes:
    return part("image", content, filename=filename) + b"--x--\r\n"


def encoded(values: NDArray[np.uint8], kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, kind)
    return stream.getvalue()


def nifti(values: NDArray[np.generic], folder: Path) -> bytes:
    path = folder / "written.nii"
    sitk.WriteImage(sitk.GetImageFromArray(values, isVector=False), str(path))
    return path.read_bytes()


def changed(content: bytes, at: int, form: str, *values: float) -> bytes:
    return content[:at] + struct.pack(form, *values) + content[at + struct.calcsize(form) :]


def png_chunk(kind: bytes, data: bytes, *, length: int | None = None) -> bytes:
    stated = len(data) if length is None else length
    return struct.pack(">I", stated) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 0) -> bytes:
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + png_chunk(b"IEND", b"")


def archive(kind: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("../../image.nii", content)
    else:
        with tarfile.open(fileobj=stream, mode="w:gz") as packed:
            entry = tarfile.TarInfo("../../image.nii")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def pictures(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Yield what is no picture, by what is wrong with it."""
    values = rng.integers(0, 256, (40, 50)).astype(np.uint8)
    sound, jpeg = encoded(values, "PNG"), encoded(values, "JPEG")
    bit, cut = int(rng.integers(60, len(sound) - 30)), rng.uniform(0.1, 0.9)
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    pixels = png_chunk(b"IDAT", zlib.compress(rows))
    frame = jpeg.index(b"\xff\xc0")
    huge = int(rng.integers(2**20, 2**31))
    yield "truncated png", sound[: int(cut * len(sound))]
    yield "png with a changed bit", sound[:bit] + bytes([sound[bit] ^ 1 << int(rng.integers(8))]) + sound[bit + 1 :]
    yield "png of a huge size", png(huge, huge, pixels)
    yield "png of one size too many", png(50, 41 + int(rng.integers(1000)), pixels)
    yield "png without pixels", png(50, 40, png_chunk(b"IDAT", b""))
    yield "png of no size", png(0, int(rng.integers(1, 99)), pixels)
    yield "png of two heads", sound[:33] + sound[8:33] + sound[33:]
    yield "png of a wrong depth", png(50, 40, pixels, depth=int(rng.choice([0, 3, 5, 7, 9, 32])))
    yield "png of a wrong colour", png(50, 40, pixels, colour=int(rng.choice([1, 5, 7, 99])))
    yield "png of a chunk of gigabytes", png(50, 40, png_chunk(b"tEXt", b"a", length=huge), pixels)
    yield "png whose pixels are noise", png(50, 40, png_chunk(b"IDAT", rng.bytes(2000)))
    yield "truncated jpeg", jpeg[: int(cut * len(jpeg))]
    yield "jpeg of a huge size", changed(jpeg, frame + 5, ">HH", 65000, 65000)
    yield "jpeg of no size", changed(jpeg, frame + 5, ">HH", int(rng.integers(1, 99)), 0)
    yield "jpeg of two frames", jpeg[:frame] + jpeg[frame : frame + 13] + jpeg[frame:]
    yield "jpeg of noise", b"\xff\xd8\xff\xe0" + rng.bytes(3000)
    yield "nifti behind a png", b"\x89PNG\r\n\x1a\n" + bytes(400) + rng.bytes(400)
    yield "png behind a jpeg", b"\xff\xd8\xff" + sound


def volumes(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what is no volume, by what is wrong with it."""
    values = rng.normal(size=(10, 11, 12)).astype(np.float32)
    sound = nifti(values, folder)
    packed, cut = gzip.compress(sound), rng.uniform(0.05, 0.95)
    bit = int(rng.integers(12, len(packed) - 10))
    broken = float(rng.choice([np.nan, np.inf, -np.inf]))
    hole = values.copy()
    hole[tuple(rng.integers(10, size=3))] = broken
    yield "truncated nifti", sound[: int(cut * len(sound))]
    yield "truncated gzip", packed[: int(cut * len(packed))]
    yield "gzip with a changed byte", packed[:bit] + bytes([packed[bit] ^ 0x55]) + packed[bit + 1 :]
    yield "gzip bomb", gzip.compress(bytes(20_000_000))
    yield "gzip bomb behind a sound head", gzip.compress(sound + bytes(20_000_000), compresslevel=1)
    yield "gzip bomb of many members", gzip.compress(sound) + gzip.compress(bytes(4_000_000)) * 20
    yield "gzip in gzip", gzip.compress(packed)
    yield "png in gzip", gzip.compress(encoded((255 * rng.random((20, 20))).astype(np.uint8), "PNG"))
    yield "zip", archive("zip", sound)
    yield "zip bomb", archive("zip", bytes(20_000_000))
    yield "tar", archive("tar", sound)
    yield "bzip2 or xz", bz2.compress(sound) if rng.random() < 0.5 else lzma.compress(sound)
    yield "noise", rng.bytes(int(rng.integers(1, 5000)))
    yield "pickle", pickle.dumps({"image": values})
    yield "dicom", bytes(128) + b"DICM" + rng.bytes(2000)
    yield "other kinds of images", bytes(rng.choice([b"GIF89a", b"II*\0", b"BM66", b"NRRD0005\n"])) + rng.bytes(999)
    yield "a page", b"<!doctype html><script>alert(1)</script><!ENTITY a '&a;&a;'>" * 9
    yield "a program", b"\x7fELF" + rng.bytes(999)
    yield "picture to a model of volumes", encoded((255 * rng.random((20, 20))).astype(np.uint8), "PNG")
    yield "a voxel that is no number", nifti(hole, folder)
    yield "voxels beyond float32", nifti(values.astype(np.float64) * 1e300, folder)
    yield "a slice without a third axis", nifti(values[0], folder)
    yield "four dimensions", nifti(np.stack([values] * int(rng.integers(2, 5)), axis=-1).T.copy(), folder)
    yield "huge sizes", changed(sound, SIZES, "<8h", 3, *rng.integers(20_000, 32_767, 3), 1, 1, 1, 1)
    yield "more voxels than there are", changed(sound, SIZES, "<8h", 3, *rng.integers(13, 60, 3), 1, 1, 1, 1)
    yield "sizes whose product overflows", changed(sound, SIZES, "<8h", 7, *[32767] * 7)
    yield "a size below one", changed(sound, SIZES, "<8h", 3, 12, -int(rng.integers(0, 99)), 10, 1, 1, 1, 1)
    yield "a number of axes", changed(sound, SIZES, "<h", int(rng.choice([-1, 0, 8, 99])))
    yield "an unknown type", changed(sound, TYPE, "<2h", int(rng.integers(3000, 9999)), 32)
    yield "bits of another type", changed(sound, TYPE, "<2h", 16, int(rng.choice([0, 1, 8, 64, -32])))
    yield "complex numbers", changed(sound, TYPE, "<2h", 32, 64)
    yield "no spacing", changed(sound, SPACING, "<f", float(rng.choice([0, -1, np.nan, np.inf])))
    yield "spacing of kilometres", changed(sound, SPACING, "<3f", *rng.uniform(1e6, 1e9, 3))
    yield "voxels elsewhere", changed(sound, START, "<f", float(rng.choice([0, -1, 1e8, np.nan, np.inf])))
    yield "a scale that is no number", changed(sound, SLOPE, "<2f", 2, broken)
    yield "half of a pair", changed(sound, MAGIC, "4s", b"ni1\0")
    yield "nifti-2", struct.pack("<i", 540) + b"n+2\0\r\n\x1a\n" + sound[12:]
    affine = changed(changed(sound, FORM_CODES, "<2h", 0, 1), AFFINE, "<12f", *[0.0] * 12)
    yield "axes of no direction", affine
    yield "axes that are no numbers", changed(affine, AFFINE, "<12f", *[broken] * 12)
    yield "axes that are not at right angles", changed(affine, AFFINE, "<12f", 1, 0.7, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)


def forms(rng: np.random.Generator, image: bytes) -> Iterator[tuple[str, Request]]:
    """Yield forms and headers that are wrong around a sound image."""
    sound, number = form(image), int(rng.integers(2, 2000))
    plain = {"Content-Type": "multipart/form-data; boundary=x"}

    def typed(value: str) -> dict[str, str]:
        return {"Content-Type": value}

    yield "another name", Request("xray", part(f"../image{number}", image) + b"--x--\r\n")
    yield "no name", Request("xray", sound.replace(b'name="image"; ', b""))
    yield "a name beside utf-8", Request("xray", sound.replace(b"image", rng.bytes(9).hex().encode() + b"\xff\xfe"))
    yield "two of a name", Request("xray", part("image", image) + sound)
    yield "text for a file", Request("xray", part("image", b"x" * min(number, 99), filename=None) + b"--x--\r\n")
    yield "a long fact", Request("xray", part("height_cm", b"1" * (1025 + number), filename=None) + sound)
    facts = b"".join(part(f"fact_{each}", b"1", filename=None) for each in range(16 + number))
    yield "many facts", Request("xray", facts + sound)
    yield "a fact with a path for a name", Request("xray", part(f"../{number}", b"1", filename=None) + sound)
    yield "no end", Request("xray", sound[: int(rng.integers(10, len(sound) - 5))])
    yield "no form", Request("xray", rng.bytes(number))
    yield "another boundary", Request("xray", sound.replace(b"--x", b"--y"))
    yield "no boundary", Request("xray", sound, typed("multipart/form-data"))
    yield "a boundary too long", Request("xray", sound, typed(f"multipart/form-data; boundary={'y' * number}"))
    yield "an undefined charset", Request("xray", sound, typed("multipart/form-data; boundary=x; charset=undefined"))
    yield "json", Request("xray", json.dumps({"image": [number]}).encode(), typed("application/json"))
    yield "an image without a form", Request("xray", image, typed("image/png"))
    yield "a body too large", Request("xray", form(image + bytes(4_100_000 + number)))
    yield "a part with a huge header", Request("xray", sound.replace(b'"a"', b'"' + b"a" * 3_900_000 + b'"'), plain)
    yield "no body", Request("xray", b"")
    yield "an unknown model", Request(f"..%2f..%2f{number}", sound)
    yield "another host", Request("xray", sound, {**plain, "Host": f"evil{number}.example"})


def raw(rng: np.random.Generator, host: str) -> Iterator[tuple[str, bytes]]:
    """Yield what is no request at all."""
    number, post = (
        int(rng.integers(1, 1000)),
        b"POST /models/xray/predictions HTTP/1.1\r\nHost: " + host.encode() + b"\r\n",
    )
    yield "huge headers", post + b"X-Name: " + b"Jane Doe " * 20_000 + b"\r\n\r\n"
    yield "thousands of headers", post + b"".join(b"X-%d: 1\r\n" % each for each in range(9000 + number)) + b"\r\n"
    yield "noise for a request", b"\x16\x03\x01" + rng.bytes(500) + b"\r\n\r\n"
    yield "a length below none", post + b"Content-Length: -%d\r\n\r\n" % number
    yield "two lengths", post + b"Content-Length: %d\r\nContent-Length: 5\r\n\r\nhello" % (5 + number)
    yield "a header with a zero byte", post + b"X-Name: a\0b%d\r\n\r\n" % number
    yield (
        "no chunks",
        post + b"Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\nzz%d\r\n" % number,
    )


def requests(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Request]]:
    """Yield requests that must be refused, by what is wrong with them."""
    name = NAMES[int(rng.integers(len(NAMES)))]
    for what, content in pictures(rng):
        yield what, Request("xray", form(content, name))
    for what, content in volumes(rng, folder):
        yield what, Request("mri", form(content, name))
    yield from forms(rng, encoded((255 * rng.random((20, 20))).astype(np.uint8), "PNG"))


def send(client: httpx2.Client, request: Request) -> Answer:
    address = f"/models/{request.model}/predictions?background=false"
    answer = client.post(address, content=request.body, headers=request.headers)
    return answer.status_code, answer.headers["content-type"], answer.content


def send_raw(address: str, content: bytes) -> Answer:
    with socket.create_connection((urlsplit(address).hostname, urlsplit(address).port), timeout=30) as connection:
        connection.sendall(content)
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.headers["content-type"], answer.read()


def fault(answer: Answer, *, secrets: Sequence[str]) -> str:
    """Return what is wrong with the refusal of a request, nothing where it is a problem that tells no secret."""
    status, kind, content = answer
    text = content.decode(errors="replace")
    if not 400 <= status < 500 or kind != "application/problem+json":
        return f"{status} {kind} {text[:300]}"
    told = json.loads(content)
    is_complete = set(told) == {"type", "title", "status", "detail", "instance"} and told["status"] == status
    is_telling = any(secret in text for secret in ("Traceback", "Jane", "(0x", *secrets))
    return "" if is_complete and not is_telling else f"{status} {text}"


def check_sound_answers(client: httpx2.Client, sound: Mapping[str, bytes]) -> None:
    """Ask for sound predictions, compare them with what the networks, written by hand, must find, and forget them."""
    found = {}
    for model, content in sound.items():
        status, _, answer = send(client, Request(model, form(content)))
        assert status == 200, answer
        told = json.loads(answer)
        found[model] = told["answer"]["segmentations"]["areas"]["structures"]["bright"]["volume"]
        assert client.delete(told["links"]["self"]).status_code == 204
    assert found == {"xray": 1.0, "mri": 0.05}


def test_hundreds_of_bad_requests_are_refused_one_by_one_and_leave_nothing(
    start_service: Callable[..., AbstractContextManager[StartedService]],
    picture_bundle: Path,
    volume_bundle: Path,
    tmp_path: Path,
) -> None:
    # 100 bright pixels of 1 mm² are 1 cm², and 50 bright voxels of 1 mm³ are 0.05 mL.
    bright = np.arange(1000).reshape(10, 10, 10) < 50
    sound = {
        "xray": encoded(np.pad(np.full((10, 10), 200, np.uint8), 5), "PNG"),
        "mri": nifti(bright.astype(np.float32), tmp_path),
    }
    sent, faults = set(), []
    with (
        start_service(picture_bundle, volume_bundle, *LIMITS) as service,
        httpx2.Client(base_url=service.address, timeout=60) as client,
    ):
        server, secrets = psutil.Process(service.process.pid), (str(service.temporary), service.temporary.parent.name)
        check_sound_answers(client, sound)
        memory_before = server.memory_info().rss
        for seed in range(SEEDS):
            rng = np.random.default_rng(seed)
            for what, request in requests(rng, tmp_path):
                sent.add((request.model, request.body, *request.headers.items()))
                faults.append((seed, what, fault(send(client, request), secrets=secrets)))
            for what, content in raw(rng, urlsplit(service.address).netloc):
                sent.add(content)
                faults.append((seed, what, fault(send_raw(service.address, content), secrets=secrets)))
        check_sound_answers(client, sound)
        assert [each for each in faults if each[2]] == []
        assert len(sent) > 200
        assert server.memory_info().rss - memory_before < MEMORY_BYTES
        assert [path for path in service.temporary.rglob("*") if path.is_file()] == []
        log = service.log.read_text(encoding="utf-8")
        assert not {"Traceback", "Jane"} & set(re.findall(r"\w+", log))
