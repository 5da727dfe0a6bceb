"""What a person wants different from the default, in every question."""

import streamlit as st


def page() -> None:
    """Model, temperature, thinking, the web, language."""
    st.title("Settings")
