"""Who one is here, and everything that hangs on it."""

import streamlit as st


def page() -> None:
    """Password, links, keys, and the way out."""
    st.title("Account")
