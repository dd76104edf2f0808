"""HTML pages from templates, and matplotlib figures as files or inside a page."""

import base64
import io
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from PIL import Image

from medweave.core.counting import counted
from medweave.core.files import atomic_path

DOTS_PER_INCH = 150
JPEG_QUALITY = 85
#: Of PNGs: a third larger than with zlib's default, and several times as quick.
COMPRESSION = 1


def render_page(template: str, **context: object) -> str:
    """Render a template of `figures/templates` to a self-contained HTML page.

    Args:
        template: File name, for instance "inspect.html.j2"; it extends "base.html.j2".
        context: What the template names. Text is escaped; a name that is absent raises.
    """
    return _environment().get_template(template).render(**context)


def png_to_data_uri(content: bytes) -> str:
    """Return a PNG file's content as a `data:` address for the `src` of an `<img>`."""
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"


def figure_png(figure: Figure) -> bytes:
    """Return a figure as the content of a PNG file."""
    stream = io.BytesIO()
    figure.set_dpi(DOTS_PER_INCH)
    if figure.axes and (layout := figure.get_layout_engine()):  # once: with one in place savefig draws everything twice
        layout.execute(figure)
        figure.set_layout_engine(None)
    figure.savefig(stream, format="png", dpi=DOTS_PER_INCH, pil_kwargs={"compress_level": COMPRESSION})
    return stream.getvalue()


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure to a PNG file, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(figure_png(figure))


def save_and_embed(figure: Figure, path: Path, *, as_photograph: bool = False) -> str:
    """Write a figure to a PNG file and return it as a `data:` address, drawing it once.

    Args:
        figure: The figure.
        path: The PNG file.
        as_photograph: Embed a JPEG, which for images without flat areas is a fraction of the size.
    """
    save_figure(figure, path)
    if not as_photograph:
        return png_to_data_uri(path.read_bytes())
    stream = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").save(stream, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("medweave.figures"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = format_number
    environment.filters["counted"] = counted
    return environment


def format_number(value: float, digits: int = 3) -> str:
    """Write a number for people: thousands grouped, and no digit before the point dropped below ten million.

    Args:
        value: The number; a whole number (int) is written in full.
        digits: Significant digits of any other.

    Example:
        >>> format_number(1234567), format_number(0.012345), format_number(1234.6)
        ('1,234,567', '0.0123', '1,235')
    """
    is_long = 10 ** (digits - 1) <= abs(value) < 1e7
    return f"{value:,.0f}" if isinstance(value, int) or is_long else f"{value:.{digits}g}"
