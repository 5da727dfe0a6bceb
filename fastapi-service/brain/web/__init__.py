"""The web as a source: searching, fetching pages safely, and finding what fits a question."""
