import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def viewer() -> Any:
    pytest.importorskip("playwright.sync_api", reason="the browser tests need `make test-browser`")
    spec = importlib.util.spec_from_file_location("notebook_viewer", ROOT / "docs" / "notebook_viewer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.browser
def test_niivue_shows_the_predicted_mask_in_a_notebook(
    page: "Page", viewer: Any, volume_bundle: Path, heart_study: Path, tmp_path: Path
) -> None:
    parameters = {"MODEL": str(volume_bundle), "INPUT": str(heart_study / "imagesTr" / "heart_000.nii.gz")}
    with viewer.lab(tmp_path, parameters) as address:
        content = viewer.picture_of_viewer(page, address, timeout_s=300)
    assert 0.005 < viewer.share_of_mask(content) < 0.5
