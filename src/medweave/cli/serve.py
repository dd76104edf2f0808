"""`medweave serve`: answer requests over HTTP with one or several models."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from medweave.core.optional import import_optional
from medweave.serving.limits import Limits

#: Needs the extra `serve`, which help does not.
SERVER = "medweave.serving.rest.server"
DEFAULT = Limits()


def serve(
    models: Annotated[
        list[Path], typer.Argument(help="Runs and bundles; a folder's name is the model's.", metavar="MODEL...")
    ],
    host: Annotated[
        str, typer.Option(help="Address to bind to; beyond this machine MEDWEAVE_API_KEY must be set.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to bind to.")] = 8000,
    upload_mb: Annotated[int, typer.Option(min=1, help="Largest request.")] = DEFAULT.upload_mb,
    decompressed_mb: Annotated[
        int, typer.Option(min=1, help="Largest images of a request, decompressed.")
    ] = DEFAULT.decompressed_mb,
    pixels: Annotated[int, typer.Option(min=1, help="Largest picture.")] = DEFAULT.pixels,
    voxels: Annotated[int, typer.Option(min=1, help="Largest volume.")] = DEFAULT.voxels,
    job_seconds: Annotated[float, typer.Option(min=0.001, help="Longest prediction.")] = DEFAULT.job_s,
    queue_length: Annotated[
        int, typer.Option(min=1, help="Predictions at a time; further ones get 503.")
    ] = DEFAULT.queue_length,
    keep_seconds: Annotated[
        float, typer.Option(min=0.001, help="How long images and answers are kept.")
    ] = DEFAULT.keep_s,
) -> None:
    """Answer requests over HTTP until the process is told to end. For research only; not a medical device."""
    limits = Limits(
        upload_mb=upload_mb,
        decompressed_mb=decompressed_mb,
        pixels=pixels,
        voxels=voxels,
        job_s=job_seconds,
        queue_length=queue_length,
        keep_s=keep_seconds,
    )
    import_optional(SERVER).serve(
        models,
        host=host,
        port=port,
        limits=limits,
        on_start=lambda address: print(
            f"{len(models)} {'model' if len(models) == 1 else 'models'} at {address}/models, described at "
            f"{address}/openapi.json; for research only, not a medical device",
            file=sys.stderr,
        ),
    )
