import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from monai.apps import DecathlonDataset

from medweave.core.errors import DataError, RunError, UsageError
from medweave.workflows import download
from medweave.workflows.download import BASE_URL_VARIABLE, DownloadResult

TASK = "Task02_Heart"


class RangeHandler(SimpleHTTPRequestHandler):
    """Serves files with Range requests, and keeps what it was asked and how much it sent."""

    asked: list[str]
    sends_half = False

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        self.asked.append(self.headers.get("Range", "all"))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-")) if "Range" in self.headers else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = start + (len(content) - start) // 2 if self.sends_half else len(content)
        self.wfile.write(content[start:end])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def handler() -> type[RangeHandler]:
    return type("Handler", (RangeHandler,), {"asked": []})


@pytest.fixture
def site(tmp_path: Path, handler: type[RangeHandler], monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv(BASE_URL_VARIABLE, f"http://127.0.0.1:{server.server_port}/")
    yield folder
    server.shutdown()
    server.server_close()


@pytest.fixture
def archive(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {f"{TASK}/dataset.json": b"{}", f"{TASK}/imagesTr/a.nii": b"x" * 50_000}
    return _publish(_write_archive(site / f"{TASK}.tar", files), monkeypatch)


def _write_archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as content:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            content.addfile(member, io.BytesIO(data))
    return path


def _publish(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(DecathlonDataset.md5, TASK, hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest())
    return path


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_downloads_checks_and_unpacks(archive: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    result = download.run("msd-heart", tmp_path / "out", on_progress=lambda done, total: seen.append((done, total)))

    assert result == DownloadResult(tmp_path / "out" / TASK, was_there=False)
    assert json.loads((result.folder / "dataset.json").read_text()) == {}
    assert (result.folder / "imagesTr" / "a.nii").read_bytes() == b"x" * 50_000
    assert seen[-1] == (archive.stat().st_size, archive.stat().st_size)
    assert _names(tmp_path / "out") == [TASK, f"{TASK}/dataset.json", f"{TASK}/imagesTr", f"{TASK}/imagesTr/a.nii"]


def test_continues_a_partial_download(archive: Path, tmp_path: Path, handler: type[RangeHandler]) -> None:
    part = tmp_path / f"{TASK}.tar.part"
    part.write_bytes(archive.read_bytes()[:1234])

    result = download.run("msd-heart", tmp_path)

    assert handler.asked == ["bytes=1234-"]
    assert (result.folder / "imagesTr" / "a.nii").stat().st_size == 50_000
    assert not part.exists()


def test_finishes_a_download_whose_bytes_are_all_here(archive: Path, tmp_path: Path) -> None:
    (tmp_path / f"{TASK}.tar.part").write_bytes(archive.read_bytes())
    assert (download.run("msd-heart", tmp_path).folder / "dataset.json").is_file()


def test_broken_connection_keeps_what_came_and_says_so(
    archive: Path, tmp_path: Path, handler: type[RangeHandler]
) -> None:
    handler.sends_half = True
    with pytest.raises(RunError, match=r"broke off .* run the same command again; it continues"):
        download.run("msd-heart", tmp_path)
    assert (tmp_path / f"{TASK}.tar.part").stat().st_size == archive.stat().st_size // 2

    handler.sends_half = False
    assert download.run("msd-heart", tmp_path).folder.is_dir()
    assert handler.asked == ["all", f"bytes={archive.stat().st_size // 2}-"]


def test_wrong_checksum_removes_the_download(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DecathlonDataset.md5, TASK, "0" * 32)
    with pytest.raises(DataError, match=r"not the published one .*got md5 .*wanted md5 0000"):
        download.run("msd-heart", tmp_path / "out")
    assert _names(tmp_path / "out") == []


def test_absent_file_names_the_address_and_the_fix(site: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=rf"http://127.*{TASK}.tar.*HTTP 404.*put it at {tmp_path}/{TASK}\.tar and"):
        download.run("msd-heart", tmp_path)


def test_absent_server_says_how_to_do_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BASE_URL_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(RunError, match=r"refused.*Fix: connect to the network, .*put it at"):
        download.run("msd-hippocampus", tmp_path)


def test_data_set_that_is_there_is_not_fetched(archive: Path, tmp_path: Path, handler: type[RangeHandler]) -> None:
    first, second = (download.run("msd-heart", tmp_path) for _ in range(2))
    assert (first.was_there, second.was_there) == (False, True)
    assert handler.asked == ["all"]


def test_archive_put_there_by_hand_is_used_and_kept(archive: Path, tmp_path: Path, handler: type[RangeHandler]) -> None:
    by_hand = tmp_path / f"{TASK}.tar"
    by_hand.write_bytes(archive.read_bytes())
    assert (download.run("msd-heart", tmp_path).folder / "dataset.json").is_file()
    assert by_hand.is_file()
    assert handler.asked == []


def test_damaged_archive_put_there_by_hand_is_refused_and_kept(archive: Path, tmp_path: Path) -> None:
    by_hand = tmp_path / f"{TASK}.tar"
    by_hand.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"remove it, or put the published one there"):
        download.run("msd-heart", tmp_path)
    assert by_hand.is_file()


def test_resource_forks_of_macos_are_left_out(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{TASK}/dataset.json": b"{}", f"{TASK}/._dataset.json": b"", f"._{TASK}": b""}
    _publish(_write_archive(site / f"{TASK}.tar", files), monkeypatch)
    assert _names(download.run("msd-heart", tmp_path / "out").folder) == ["dataset.json"]


@pytest.mark.parametrize(
    ("name", "message"), [("../escaped", r"cannot be unpacked.*outside"), ("other/file", "holds no data set")]
)
def test_archive_of_another_shape_is_refused_and_leaves_nothing(
    name: str, message: str, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(_write_archive(site / f"{TASK}.tar", {name: b""}), monkeypatch)
    with pytest.raises(DataError, match=message):
        download.run("msd-heart", tmp_path / "out")
    assert _names(tmp_path / "out") == []


def test_file_that_is_no_archive_is_refused(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / f"{TASK}.tar").write_bytes(b"hello" * 1000)
    _publish(site / f"{TASK}.tar", monkeypatch)
    with pytest.raises(DataError, match="cannot be unpacked"):
        download.run("msd-heart", tmp_path)


def test_unknown_name_suggests_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown data set 'msd-hart'\. Did you mean 'msd-heart'\?"):
        download.run("msd-hart", tmp_path)


def test_mirror_must_be_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BASE_URL_VARIABLE, "file:///etc")
    with pytest.raises(UsageError, match=r"not http .*got file:///etc"):
        download.run("msd-heart", tmp_path)


def test_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot write the data set"):
        download.run("msd-heart", tmp_path / "file" / "out")


def test_addresses_are_those_of_monai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BASE_URL_VARIABLE, raising=False)
    for task in download.TASKS.values():
        assert download._address(task) == DecathlonDataset.resource[task]
        assert len(DecathlonDataset.md5[task]) == 32
