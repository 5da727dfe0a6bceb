"""The web chat: Streamlit draws what was said, a component of ours the answer under way."""
