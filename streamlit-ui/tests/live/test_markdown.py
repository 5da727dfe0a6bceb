"""Markdown that is drawn while it comes."""

from typing import Any

import pytest
from playwright.sync_api import Page

DRAW = """
async ([pieces, mode]) => {
  const { Markdown } = await import("/markdown.js");
  const root = document.createElement("div");
  const markdown = new Markdown(root);
  for (const piece of pieces) { markdown.write(piece); if (mode !== "no draw") markdown.draw(); }
  if (mode !== "open") markdown.end();
  root.querySelectorAll(".code-head").forEach((head) => head.remove());
  root.normalize();
  return root.innerHTML;
}
"""
KITCHEN_SINK = """# A *title*

Some **strong *and* soft** words with `code`, ~~old~~ ones,
a [link](https://example.org/a_(b)) and https://example.com/x?y=1.
Two spaces end a line  \nsnake_case_names and 2 * 3 * 4 stay. \\*Escaped\\* too.

- one
- two **bold**
  - inner `x`
  - inner
    goes on
- three

  with a second paragraph
3. third
4. fourth

> Quoted *words*
> go on.

| a | b \\| c |
|:--|--:|
| 1 | `2` |
| only |
After the table.

```python
def f(x):
    return "```" + x

```
- item with code
  ```
  indented
  ```
* * *
~~~
tilde
~~~
Last **never closed and `tick
"""


def drawn(page: Page, *pieces: str, mode: str = "") -> str:
    return str(page.evaluate(DRAW, [list(pieces), mode]))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Hello *there* **you**.", "<p>Hello <em>there</em> <strong>you</strong>.</p>"),
        ("## Two ##", "<h2>Two</h2>"),
        ("***both***", "<p><strong><em>both</em></strong></p>"),
        ("a * b * c and 2*3", "<p>a * b * c and 2*3</p>"),
        ("snake_case_name _yes_", "<p>snake_case_name <em>yes</em></p>"),
        ("``a`b``", "<p><code>a`b</code></p>"),
        ("a  \nb\nc", "<p>a  <br>b\nc</p>"),
        ("- a\n- b", "<ul><li><span>a</span></li><li><span>b</span></li></ul>"),
        ("- a\n  1. b", "<ul><li><span>a</span><ol><li><span>b</span></li></ol></li></ul>"),
        ("5. a", '<ol start="5"><li><span>a</span></li></ol>'),
        ("> a\n> b\n\nc", "<blockquote><p>a\nb</p></blockquote><p>c</p>"),
        ("a\n***\nb", "<p>a</p><hr><p>b</p>"),
        ("**", "<p>**</p>"),
        ("[1] and [x", "<p>[1] and [x</p>"),
        ("10 apples", "<p>10 apples</p>"),
    ],
)
def test_what_models_write_becomes_what_it_means(modules: Page, text: str, html: str) -> None:
    assert drawn(modules, text).replace('<ol start="1">', "<ol>") == html


def test_a_table_has_its_head_its_cells_and_their_sides(modules: Page) -> None:
    html = drawn(modules, "| a | b |\n|---|--:|\n| 1 | *2* |\n")
    assert "<thead><tr><th" in html
    assert '<td style="text-align: right;"><em>2</em></td>' in html
    assert "|" not in html


def test_code_keeps_every_character(modules: Page) -> None:
    html = drawn(modules, "```js\nif (a < b) {\n\n  **x**\n}\n```\nafter")
    assert "<code>if (a &lt; b) {\n\n  **x**\n}\n</code>" in html
    assert html.endswith("<p>after</p>")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_the_pieces_do_not_matter(modules: Page, size: int) -> None:
    pieces = [KITCHEN_SINK[at : at + size] for at in range(0, len(KITCHEN_SINK), size)]
    assert drawn(modules, *pieces) == drawn(modules, KITCHEN_SINK, mode="no draw")


def test_what_is_not_closed_yet_is_drawn_as_it_will_be(modules: Page) -> None:
    assert drawn(modules, "Now **bo", mode="open") == "<p>Now <strong>bo</strong></p>"
    assert drawn(modules, "Now `co", mode="open") == "<p>Now <code>co</code></p>"
    assert drawn(modules, "See [it](htt", mode="open") == "<p>See <span>it</span></p>"
    assert drawn(modules, "text\n\n#", mode="open") == "<p>text</p>"


@pytest.mark.parametrize(
    "text",
    [
        "<script>window.hacked = 1</script>",
        "<img src=x onerror='window.hacked = 1'>",
        "[click](javascript:window.hacked=1)",
        "[click](  jAvAsCrIpT:window.hacked=1)",
        "[click](data:text/html,<script>window.hacked=1</script>)",
        "[click](//evil.example/x)",
        "![pic](javascript:window.hacked=1)",
        "![pic](https://evil.example/leak.png)",
        "```<img onerror=1>\n<script>window.hacked = 1</script>\n```",
        "| <b>a</b> | b |\n|---|---|\n| <script>window.hacked=1</script> | [x](vbscript:a) |",
        '[a](https://x.example/"onmouseover="window.hacked=1)',
    ],
)
def test_nothing_a_model_writes_runs_or_loads(modules: Page, text: str) -> None:
    check = """
    async (text) => {
      const { Markdown } = await import("/markdown.js");
      const root = document.body.appendChild(document.createElement("div"));
      const markdown = new Markdown(root);
      for (const sign of text) { markdown.write(sign); markdown.draw(); }
      markdown.end();
      const bad = root.querySelectorAll("script, img, iframe, object, style, [onerror]").length;
      const targets = [...root.querySelectorAll("a")].map((a) => a.protocol);
      const handlers = [...root.querySelectorAll("*")].flatMap((e) => e.getAttributeNames())
        .filter((name) => name.startsWith("on"));
      root.remove();
      return { bad, targets, handlers, hacked: window.hacked };
    }
    """
    found: dict[str, Any] = modules.evaluate(check, text)
    assert found["bad"] == 0
    assert found["handlers"] == []
    assert set(found["targets"]) <= {"https:"}
    assert found["hacked"] is None


@pytest.mark.parametrize(
    "unit",
    ["word ", "**bold** word ", "* _ ` [ ", "`tick and **never closed "],
    ids=["plain", "bold", "openers", "never closed"],
)
@pytest.mark.parametrize("start", ["", "```\n"], ids=["paragraph", "code"])
def test_a_piece_costs_the_same_however_long_the_answer_is(
    modules: Page, unit: str, start: str
) -> None:
    nodes = """
    async ([start, unit]) => {
      const { Markdown } = await import("/markdown.js");
      const root = document.createElement("div");
      const markdown = new Markdown(root);
      markdown.write(start);
      const touched = [];
      const watch = new MutationObserver(() => {});
      watch.observe(root, { childList: true, characterData: true, subtree: true });
      for (let count = 0; count < 2000; count += 1) {
        markdown.write(unit);
        markdown.draw();
        const made = watch.takeRecords();
        touched.push(made.reduce((sum, one) => sum + one.addedNodes.length + 1, 0));
      }
      const most = (from, to) => Math.max(...touched.slice(from, to));
      return [most(500, 800), most(1700, 2000)];
    }
    """
    early, late = modules.evaluate(nodes, [start, unit])
    assert late <= 1.2 * early + 5
    assert late < 1_500


def test_a_screen_reader_hears_whole_paragraphs(modules: Page) -> None:
    hear = """
    async (text) => {
      const { Markdown } = await import("/markdown.js");
      const heard = [];
      const markdown = new Markdown(document.createElement("div"), (text) => heard.push(text));
      for (const sign of text) markdown.write(sign);
      markdown.end();
      return heard;
    }
    """
    text = "One *two*.\n\n- a\n- b\n\n```\ncode\n```\nlast"
    assert modules.evaluate(hear, text) == ["One two.", "a", "b", "last"]
