// Markdown drawn while it comes: a new piece touches only the last block.
//
// Enough of CommonMark for what models write; the page draws the whole answer properly when it has
// ended. What a line is gets decided as soon as its beginning says so; until then it is held back.

import { Code } from "./code.js";
import { fill, Inline } from "./inline.js";

// A line that is nothing but the beginning of a sign could become anything.
const UNDECIDED =
  /^\s*(#{1,6}\s*|[-*+]\s*|\d{1,9}[.)]?\s*|>\s*|`{1,2}|~{1,2}|([-*_])(\s*\2)*\s*)?$/;
const FENCE = /^(\s*)(`{3,}|~{3,})([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*)$/;
const RULE = /^ {0,3}([-*_])([ \t]*\1){2,}[ \t]*$/;
const ITEM = /^(\s*)([-*+]|(\d{1,9})[.)])(?:[ \t]+(.*)|$)/;
const QUOTE = /^ {0,3}>[ \t]?(.*)$/;
const DIVIDER = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const TAB = "    ";

export class Markdown {
  // `told(text)` hears each block of prose when it is complete.
  constructor(root, told = () => {}) {
    this.root = root;
    this._told = told;
    this._line = ""; // of the current line, what is not decided yet
    this._flows = false; // the rest of the current line goes on in the open block
    this._open = null; // the Inline or Code that grows
    this._kind = null; // of what is open: paragraph | heading | item | code
    this._first = null; // the only line of an open paragraph so far; it may head a table
    this._fence = null;
    this._lists = [];
    this._quote = null;
    this._table = null;
    this._blank = false;
  }

  write(text) {
    for (let at = 0; at < text.length; ) {
      const end = text.indexOf("\n", at);
      this._take(text.slice(at, end < 0 ? text.length : end).replace(/\r$/, ""), end >= 0);
      at = end < 0 ? text.length : end + 1;
    }
  }

  draw() {
    this._open?.draw();
  }

  end() {
    if (this._line || this._flows) this._take("", true);
    this._close();
  }

  // ---------------------------------------------------------------- lines

  _take(part, complete) {
    if (this._flows) {
      this._open.write(part);
      if (this._first !== null) this._first += part;
      if (complete) this._endLine();
      return;
    }
    this._line += part;
    if (this._fence) this._codeLine(complete);
    else if (complete || !this._undecided()) this._decide(complete);
  }

  _endLine() {
    this._flows = false;
    this._line = "";
    if (this._kind === "heading") this._close();
    else if (this._fence) this._open.write("\n");
  }

  _codeLine(complete) {
    const { sign, indent } = this._fence;
    const bare = this._line.trim();
    const closes = bare.startsWith(sign) && !bare.replaceAll(sign[0], "");
    const mayClose = closes || sign.startsWith(bare);
    if (!complete && mayClose) return;
    const line = withoutIndent(this._line, indent);
    this._line = "";
    if (complete && closes) {
      this._fence = null;
      this._close();
      return;
    }
    this._open.write(complete ? `${line}\n` : line);
    this._flows = !complete;
  }

  _undecided() {
    const line = this._line;
    if (this._table || UNDECIDED.test(line)) return true;
    if (this._first?.includes("|") && /^[\s|:-]*$/.test(line)) return true;
    return /^\s*(`{3,}|~{3,})/.test(line);
  }

  _decide(complete) {
    const line = this._line.replaceAll("\t", TAB);
    this._line = "";
    if (!line.trim()) {
      this._blankLine();
      return;
    }
    if (this._table && this._row(line)) return;
    const begun = this._begin(line);
    this._blank = false;
    this._flows = begun;
    if (begun && complete) this._endLine();
  }

  // Begins or goes on with a block; whether the rest of the line flows into it.
  _begin(line) {
    const before = this._first;
    this._first = null;
    const fence = FENCE.exec(line);
    if (fence) return this._beginFence(fence);
    if (before?.includes("|") && line.includes("-") && DIVIDER.test(line)) {
      if (this._beginTable(before, line)) return false;
    }
    const heading = HEADING.exec(line);
    if (heading) return this._beginHeading(heading);
    if (RULE.test(line)) {
      this._leave();
      this.root.append(document.createElement("hr"));
      return false;
    }
    const item = ITEM.exec(line);
    if (item) return this._beginItem(item);
    const quote = QUOTE.exec(line);
    if (quote) return this._beginQuote(quote[1]);
    return this._text(line);
  }

  _blankLine() {
    this._blank = true;
    this._first = null;
    this._table = null;
    this._quote = null;
    this._close();
  }

  // ---------------------------------------------------------------- blocks

  _text(line) {
    const bare = line.trimStart();
    if (this._kind === "paragraph" || this._kind === "item") {
      this._open.write(`\n${bare}`);
      return true;
    }
    const inItem = this._lists.length && indentOf(line) > this._lists[0].indent;
    if (!inItem) this._leave();
    this._paragraph(this._place()).write(bare);
    this._first = bare;
    return true;
  }

  _beginHeading([, signs, rest]) {
    this._leave();
    this._start("heading", `h${signs.length}`, this.root).write(rest.replace(/\s#+\s*$/, ""));
    return true;
  }

  _beginQuote(rest) {
    this._leaveLists();
    if (!this._quote) {
      this._close();
      this._quote = this.root.appendChild(document.createElement("blockquote"));
    }
    if (!rest.trim()) this._close();
    else if (this._open) this._open.write(`\n${rest}`);
    else this._paragraph(this._quote).write(rest);
    return Boolean(rest.trim());
  }

  _beginFence([, spaces, sign, info]) {
    const inItem = this._lists.length && spaces.length > this._lists[0].indent;
    if (inItem) this._close();
    else this._leave();
    const code = new Code(info.trim().split(/[\s{]/)[0]);
    this._place().append(code.element);
    this._fence = { sign, indent: spaces.length };
    this._open = code;
    this._kind = "code";
    return false;
  }

  _beginItem([, spaces, mark, number, rest]) {
    const indent = spaces.length;
    this._close();
    this._quote = null;
    const kind = number === undefined ? "ul" : "ol";
    while (this._lists.length && this._innermost().indent > indent) this._lists.pop();
    let list = this._lists.length ? this._innermost() : null;
    if (list && indent >= list.indent + 2) list = null;
    else if (list && list.kind !== kind) {
      this._lists.pop();
      list = null;
    }
    if (!list) {
      const element = this._place().appendChild(document.createElement(kind));
      if (kind === "ol") element.start = Number(number);
      list = { indent, kind, element, width: mark.length + 1 };
      this._lists.push(list);
    }
    list.item = list.element.appendChild(document.createElement("li"));
    this._start("item", "span", list.item).write(rest ?? "");
    return true;
  }

  _beginTable(head, divider) {
    const names = cells(head);
    const sides = cells(divider).map(sideOf);
    if (names.length !== sides.length) return false;
    this._open.element.remove();
    this._open = this._kind = null;
    const frame = this._place().appendChild(document.createElement("div"));
    frame.className = "table";
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", "Table");
    const table = frame.appendChild(document.createElement("table"));
    table.createTHead().append(row("th", names, sides));
    this._table = { body: table.createTBody(), sides };
    return true;
  }

  _row(line) {
    if (!line.includes("|")) {
      this._table = null;
      return false;
    }
    const { body, sides } = this._table;
    body.append(row("td", cells(line).slice(0, sides.length), sides));
    return true;
  }

  // ---------------------------------------------------------------- what is open

  _paragraph(place) {
    return this._start("paragraph", "p", place);
  }

  _start(kind, name, place) {
    this._close();
    this._kind = kind;
    this._open = new Inline(place.appendChild(document.createElement(name)));
    return this._open;
  }

  _close() {
    if (!this._open) return;
    this._open.end();
    if (this._kind !== "code") this._told(this._open.element.textContent);
    this._open = this._kind = this._first = null;
  }

  _leave() {
    this._close();
    this._quote = null;
    this._leaveLists();
  }

  _leaveLists() {
    if (this._lists.length) this._close();
    this._lists = [];
  }

  _innermost() {
    return this._lists[this._lists.length - 1];
  }

  _place() {
    return this._lists.length ? this._innermost().item : (this._quote ?? this.root);
  }
}

function cells(line) {
  const bare = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  return bare.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function sideOf(cell) {
  if (cell.endsWith(":")) return cell.startsWith(":") ? "center" : "right";
  return "left";
}

function row(name, texts, sides) {
  const line = document.createElement("tr");
  sides.forEach((side, index) => {
    const cell = fill(document.createElement(name), texts[index] ?? "");
    cell.style.textAlign = side;
    line.append(cell);
  });
  return line;
}

function indentOf(line) {
  return line.length - line.trimStart().length;
}

function withoutIndent(line, indent) {
  return line.slice(Math.min(indent, indentOf(line)));
}
