"""The process of the app: from folders to a Streamlit server that only this machine reaches."""

from collections.abc import Callable, Sequence
from pathlib import Path

from streamlit.web import cli

from medweave.core.errors import DataError, UsageError
from medweave.runs.folder import RunFolder
from medweave.serving.app.settings import AppSettings, loaded_models
from medweave.serving.limits import Limits
from medweave.serving.loopback import is_loopback

#: Run for each visitor; it is not imported, since outside a visit Streamlit warns of what it decorates.
SCRIPT = Path(__file__).with_name("main.py")


def serve(
    settings: AppSettings, *, host: str, port: int, on_start: Callable[[str], None] = lambda _address: None
) -> None:
    """Serve the app until the process is told to end.

    Args:
        settings: What it shows.
        host: Address of this machine to bind to.
        port: To bind to.
        on_start: Called with the address once the models are loaded.

    Raises:
        UsageError: Other machines could reach the address, or the models' names do not fit.
        RunError: A model or run cannot be used.
        DataError: A data folder is absent.
        DependencyError: A package that a model needs is not installed.
    """
    if not is_loopback(host):
        raise UsageError(
            "the app asks nobody for a password, so that only this machine may reach it",
            where=host,
            wanted="127.0.0.1, ::1 or localhost",
            fix=f"bind to 127.0.0.1, and from elsewhere ssh -L {port}:127.0.0.1:{port} to it.",
        )
    for run in settings.runs:
        RunFolder.open(run)
    for data in settings.data:
        if not data.exists():
            raise DataError("data folder not found", where=data, fix="give the folder that holds the data set.")
    loaded_models(settings.models)
    on_start(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    cli.main(arguments(settings, host=host, port=port), standalone_mode=False)


def arguments(settings: AppSettings, *, host: str, port: int) -> Sequence[str]:
    """Return the arguments of `streamlit` that serve the app."""
    options = {
        "server.address": host,
        "server.port": port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.maxUploadSize": Limits().upload_mb,
        "server.disconnectedSessionTTL": 60,
        "browser.gatherUsageStats": "false",
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": "true",
        "logger.level": "warning",
        "theme.primaryColor": "#0072B2",
    }
    # A web page whose name was bound to this machine (DNS rebinding) is not answered.
    hosts = [f"--server.allowedHosts={name}" for name in dict.fromkeys(("localhost", "127.0.0.1", host))]
    flags = [f"--{name}={value}" for name, value in options.items()]
    return ["run", str(SCRIPT), *flags, *hosts, "--", settings.to_argument()]
