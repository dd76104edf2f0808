"""`medweave app`: a web page to predict, and to look at runs and data."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from medweave.core.optional import import_optional

#: Need the extra `app`, which help does not.
SERVER, SETTINGS = "medweave.serving.app.server", "medweave.serving.app.settings"


def app(
    models: Annotated[
        list[Path], typer.Argument(help="Runs and bundles; a folder's name is the model's.", metavar="MODEL...")
    ],
    host: Annotated[str, typer.Option(help="Address of this machine to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to bind to.")] = 8501,
    run: Annotated[list[Path] | None, typer.Option(help="Run to browse; may be given several times.")] = None,
    data: Annotated[list[Path] | None, typer.Option(help="Data folder to browse; may be given several times.")] = None,
) -> None:
    """Show a web page until the process is told to end. For research only; not a medical device."""
    server = import_optional(SERVER)
    server.serve(
        import_optional(SETTINGS).AppSettings(tuple(models), tuple(run or ()), tuple(data or ())),
        host=host,
        port=port,
        on_start=lambda address: print(
            f"open {address} in a browser; for research only, not a medical device", file=sys.stderr
        ),
    )
