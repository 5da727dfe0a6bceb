"""One reader a kind of file; they run in a process of their own, see `artifacts.reading`."""
