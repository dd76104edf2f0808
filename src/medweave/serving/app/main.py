"""The script that Streamlit runs for each visitor and each thing that is clicked."""

import sys
from collections.abc import Callable
from functools import partial

import streamlit as st

from medweave.core.errors import MedweaveError
from medweave.serving.app.data_page import show_data
from medweave.serving.app.predict_page import show_predictions
from medweave.serving.app.run_page import show_runs
from medweave.serving.app.settings import AppSettings, loaded_models
from medweave.serving.limits import Limits

RESEARCH_ONLY = "Research use only. Not a medical device: do not base a diagnosis or a treatment on it."


def main() -> None:
    """Show the page that is chosen."""
    settings = AppSettings.from_argument(sys.argv[1])
    st.set_page_config(page_title="medweave", layout="wide")
    # No icons: the browser would fetch that of the page from Google.
    pages = [
        st.Page(partial(_show, draw), title=title, url_path=title.lower())
        for title, draw in (
            ("Predict", lambda: show_predictions(loaded_models(settings.models), Limits())),
            ("Run", lambda: show_runs(settings.runs)),
            ("Data", lambda: show_data(settings.data)),
        )
    ]
    st.navigation(pages, position="top").run()


def _show(draw: Callable[[], None]) -> None:
    """Draw a page; what medweave refuses is told in its own words."""
    st.warning(RESEARCH_ONLY, icon=":material/warning:")
    try:
        draw()
    except MedweaveError as error:
        st.error(str(error), icon=":material/error:")


if __name__ == "__main__":
    main()
