import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from medweave.core import optional
from medweave.core.errors import DependencyError, RunError, UsageError
from medweave.integrations.kaggle import Kaggle, KernelStatus, PushedKernel, check_name


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    folder = tmp_path / "kernel"
    folder.mkdir()
    (folder / "train.py").write_text("print('hello')\n")
    metadata = {
        "id": "ada/study-of-hearts",
        "title": "study of hearts",
        "code_file": "train.py",
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": True,
        "dataset_sources": ["owner/heart"],
    }
    (folder / "kernel-metadata.json").write_text(json.dumps(metadata))
    return folder


def test_pushes_the_script_with_what_it_asks_for(fake_kaggle: Any, kernel: Path) -> None:
    kaggle = Kaggle.connect()

    assert kaggle.user == "ada"
    assert kaggle.push(kernel) == PushedKernel(f"{fake_kaggle.url}/code/ada/study-of-hearts", version=1)
    (sent,) = fake_kaggle.pushed
    assert sent["text"] == "print('hello')\n"
    assert sent["datasetDataSources"] == ["owner/heart"]
    assert sent["enableGpu"] is True
    assert sent["isPrivate"] is True


def test_signs_in_with_a_token(fake_kaggle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("KAGGLE_API_TOKEN", fake_kaggle.token)
    kaggle = Kaggle.connect()
    assert kaggle.user == "ada"
    assert kaggle.status("ada/study").state == "complete"


def test_what_the_client_prints_does_not_reach_standard_output(
    fake_kaggle: Any, kernel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata = json.loads((kernel / "kernel-metadata.json").read_text())
    (kernel / "kernel-metadata.json").write_text(json.dumps(metadata | {"title": "another title"}))
    Kaggle.connect().push(kernel)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "does not resolve to the specified id" in captured.err


def test_a_refused_kernel_is_an_error(fake_kaggle: Any, kernel: Path) -> None:
    fake_kaggle.answer = {"error": "Maximum weekly GPU quota of 30.00 hours reached."}
    with pytest.raises(RunError, match=r"refused the kernel .*got Maximum weekly GPU quota"):
        Kaggle.connect().push(kernel)


def test_a_kernel_without_its_data_set_is_an_error(fake_kaggle: Any, kernel: Path) -> None:
    fake_kaggle.answer = {"invalidDatasetSources": ["owner/heart"]}
    with pytest.raises(RunError, match=r"without its data set .*no access to owner/heart"):
        Kaggle.connect().push(kernel)


def test_states_of_a_kernel(fake_kaggle: Any) -> None:
    fake_kaggle.state, fake_kaggle.failure = "ERROR", "Your notebook tried to allocate more memory"
    assert Kaggle.connect().status("ada/study") == KernelStatus("error", "Your notebook tried to allocate more memory")
    fake_kaggle.state, fake_kaggle.failure = "RUNNING", None
    assert Kaggle.connect().status("ada/study") == KernelStatus("running", "")


def test_an_unknown_kernel_is_an_error(fake_kaggle: Any) -> None:
    with pytest.raises(RunError, match=r"\(ada/other\): got Not found\. Fix: check the name"):
        Kaggle.connect().status("ada/other")


def test_brings_every_file_over_several_pages(fake_kaggle: Any, tmp_path: Path) -> None:
    fake_kaggle.output = {f"run/part/{number}.bin": bytes([number]) for number in range(101)}
    Kaggle.connect().fetch_output("ada/study", tmp_path / "out")
    found = {path.relative_to(tmp_path / "out").as_posix(): path for path in (tmp_path / "out").rglob("*.bin")}
    assert {name: path.read_bytes() for name, path in found.items()} == fake_kaggle.output
    assert fake_kaggle.calls == ["ListKernelSessionOutput"] * 2
    assert (tmp_path / "out" / "study.log").read_text() == "what the kernel printed"


def test_brings_and_unpacks_a_data_set(fake_kaggle: Any, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("Task02_Heart/dataset.json", "{}")
    fake_kaggle.archives["owner/heart"] = packed.getvalue()
    Kaggle.connect().fetch_data_set("owner/heart", tmp_path / "heart", shows_progress=False)
    assert [path.name for path in (tmp_path / "heart").rglob("*") if path.is_file()] == ["dataset.json"]


def test_a_damaged_data_set_is_an_error(fake_kaggle: Any, tmp_path: Path) -> None:
    fake_kaggle.archives["owner/heart"] = b"no archive"
    with pytest.raises(RunError, match=r"owner/heart.*corrupted or not a valid zip"):
        Kaggle.connect().fetch_data_set("owner/heart", tmp_path / "heart", shows_progress=False)


def test_wrong_credentials_say_how_to_sign_in_and_show_no_key(
    fake_kaggle: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "wrong-but-secret")
    with pytest.raises(
        RunError, match=r"HTTP 401: .*to sign in again, run `kaggle auth login`, set KAGGLE_API_TOKEN"
    ) as raised:
        Kaggle.connect().status("ada/study")
    captured = capfd.readouterr()
    assert "wrong-but-secret" not in f"{raised.value}{captured.out}{captured.err}"


def test_no_credentials_is_an_error_that_says_where_they_belong(
    no_kaggle_account: None, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match=r"no credentials for Kaggle.*KAGGLE_API_TOKEN.*kaggle\.json"):
        Kaggle.connect()
    assert capfd.readouterr().out == ""


def test_an_absent_server_is_an_error(fake_kaggle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import kagglesdk.kaggle_env as environment

    monkeypatch.setitem(environment._env_to_endpoint, environment.KaggleEnv.PROD, "http://127.0.0.1:9")
    with pytest.raises(RunError, match=r"ada/study.*refused.*check the name and the network"):
        Kaggle.connect().status("ada/study")


def test_the_extra_is_named_where_the_client_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(optional, "import_module", absent)
    with pytest.raises(DependencyError, match=r"'kaggle', which is not installed.*medweave\[kaggle\]"):
        Kaggle.connect()


@pytest.mark.parametrize("name", ["heart", "owner/", "owner/heart/3", "https://host/owner/heart", "../heart", "a/b;c"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"not the name of a kernel at Kaggle: got '.*wanted OWNER/NAME"):
        check_name(name, of="kernel")


def test_a_name_is_returned() -> None:
    assert check_name("thisisrick25/heart_2-final", of="kernel") == "thisisrick25/heart_2-final"
