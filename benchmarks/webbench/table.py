"""The table of a run of `web.py`, and which aims were reached."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

Cell = dict[str, Any]
HEAD = (
    f"{'way':<14}{'people':>7}{'streamlit':>11}{'brain':>9}{'both':>9}{'browser':>10}"
    f"{'kB streamlit':>14}{'kB brain':>10}{'kB both':>10}{'frames':>8}{'seconds':>9}\n"
    f"{'':<14}{'':>7}{'us/token':>11}{'us/token':>9}{'us/token':>9}{'us/token':>10}"
    f"{'an answer':>14}{'an answer':>10}{'an answer':>10}{'':>8}{'':>9}"
)
CPU_AIM = 1 / 5
BYTES_AIM = 1 / 10


def row(cell: Cell) -> str:
    """One line."""
    frames = cell["streamlit_frames"] + cell["brain_frames"]
    return (
        f"{cell['way']:<14}{cell['people']:>7}{cell['streamlit_us_per_token']:>11.1f}"
        f"{cell['brain_us_per_token']:>9.1f}{server_cpu(cell):>9.1f}"
        f"{cell['browser_us_per_token']:>10.1f}"
        f"{cell['streamlit_bytes'] / 1000:>14.1f}{cell['brain_bytes'] / 1000:>10.1f}"
        f"{all_bytes(cell) / 1000:>10.1f}{frames:>8}{cell['seconds']:>9.1f}"
    )


def server_cpu(cell: Cell) -> float:
    """Microseconds a token of Streamlit and the brain."""
    return float(cell["streamlit_us_per_token"] + cell["brain_us_per_token"])


def all_bytes(cell: Cell) -> float:
    """What a browser received for an answer, by both sockets."""
    return float(cell["streamlit_bytes"] + cell["brain_bytes"])


def verdicts(cells: Sequence[Cell]) -> list[tuple[str, bool]]:
    """A line for each figure and number of people, and whether its aim was reached."""
    lines = []
    for people in sorted({cell["people"] for cell in cells}):
        for name, figure, aim in (
            ("CPU of Streamlit", _streamlit_cpu, CPU_AIM),
            ("bytes an answer, both sockets", all_bytes, BYTES_AIM),
            ("CPU of Streamlit and brain", server_cpu, None),
            ("CPU of the browser", _browser_cpu, None),
        ):
            ratio = _ratio(cells, people, figure)
            reached = aim is None or ratio <= aim
            mark = "" if aim is None else "reached" if reached else "MISSED"
            wanted = "" if aim is None else f" (aim {aim:g})"
            line = f"{mark:<8} {people} at a time: {name} {ratio:.3f} of write_stream{wanted}"
            lines.append((line, reached))
    return lines


def _streamlit_cpu(cell: Cell) -> float:
    return float(cell["streamlit_us_per_token"])


def _browser_cpu(cell: Cell) -> float:
    return float(cell["browser_us_per_token"])


def _ratio(cells: Sequence[Cell], people: int, figure: Callable[[Cell], float]) -> float:
    ours, theirs = (
        median(figure(one) for one in cells if one["way"] == way and one["people"] == people)
        for way in ("component", "write_stream")
    )
    return ours / theirs
