"""A table of facts by name, as every page shows it."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st


def show_table(rows: Mapping[str, str]) -> None:
    """Show a value in each row, under no header.

    Args:
        rows: Values by name.
    """
    st.table(pd.DataFrame({"": rows.values()}, index=list(rows)), hide_header=True)
