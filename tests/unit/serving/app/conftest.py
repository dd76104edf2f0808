"""The app as Streamlit would run it, without a server."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from medweave.serving.app.server import SCRIPT
from medweave.serving.app.settings import AppSettings

SECONDS = 60


@pytest.fixture
def open_app(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Open the app on its first page."""

    def call(*models: Path) -> AppTest:
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), AppSettings(models).to_argument()])
        return AppTest.from_file(SCRIPT, default_timeout=SECONDS).run()

    return call


@pytest.fixture
def open_page() -> Callable[..., AppTest]:
    """Open one page alone: its function and its arguments."""

    def script(function, arguments):
        function(*arguments)

    def call(function: Callable[..., None], *arguments: object) -> AppTest:
        return AppTest.from_function(script, default_timeout=SECONDS, args=(function, arguments)).run()

    return call


@pytest.fixture
def texts() -> Callable[[AppTest], str]:
    """Return everything that is written on a page."""

    def call(app: AppTest) -> str:
        kinds = ("title", "header", "subheader", "markdown", "caption", "info", "success", "warning", "error")
        return "\n".join(str(element.value) for kind in kinds for element in app.get(kind))

    return call
