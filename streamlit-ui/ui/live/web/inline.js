// Markdown within a block, drawn while it comes. Text becomes text nodes, never HTML.
//
// What cannot change any more is settled; only the tail behind it is drawn again, and the tail is
// bounded. So a piece costs the same however long the block is.

const SETTLE_ABOVE = 400;
const KEEP_OPEN = 100; // characters at the end that are always drawn again
const LONGEST_OPEN = 1_500; // an opener that waits longer for its other half is plain text
const RUN = 200; // plain text is cut into runs of about this size
const ESCAPABLE = /[!-/:-@[-`{-~]/;
const SPECIAL = /[\\`*_~[!\n]|https?:\/\//g;
const ADDRESS = /^https?:\/\/[^\s<>"'`]+/i;
const WORD = /[\p{L}\p{N}]/u;

export class Inline {
  constructor(element) {
    this.element = element;
    this._tail = "";
    this._nodes = [];
    this._literal = 0; // openers before this place in the tail are plain text
    this._dirty = false;
  }

  write(text) {
    this._tail += text;
    this._dirty = true;
  }

  draw() {
    if (!this._dirty) return;
    this._render(false);
  }

  end() {
    this._render(true);
  }

  _render(final) {
    this._dirty = false;
    for (const node of this._nodes) node.remove();
    const { items, openAt } = parse(this._tail, { final, literal: this._literal });
    this._nodes = items.map(({ node }) => node);
    this.element.append(...this._nodes);
    if (!final && this._tail.length > SETTLE_ABOVE) this._settle(items, openAt);
  }

  _settle(items, openAt) {
    const limit = Math.min(openAt, this._tail.length - KEEP_OPEN);
    let count = 0;
    while (count < items.length && items[count].end <= limit) count += 1;
    if (count) {
      const cut = items[count - 1].end;
      this._nodes.splice(0, count);
      this._tail = this._tail.slice(cut);
      this._literal = Math.max(0, this._literal - cut);
    } else if (this._tail.length > LONGEST_OPEN && openAt >= this._literal) {
      this._literal = openAt + 1;
      this._dirty = true;
    }
  }
}

// The nodes for `text`: `items` with the place in `text` where each ends, and `openAt`, the place
// of the first opener without its other half. While more may come (`final` false) what follows an
// opener is drawn as if it were closed at the end.
export function parse(text, { final = true, literal = 0 } = {}) {
  const reader = new Reader(text, final, literal);
  reader.read(0, text.length);
  return { items: reader.items, openAt: reader.openAt };
}

// All of `text` in one go, for cells and other short things.
export function fill(element, text) {
  element.append(...parse(text).items.map(({ node }) => node));
  return element;
}

class Reader {
  constructor(text, final, literal) {
    this.text = text;
    this.final = final;
    this.literal = literal;
    this.items = [];
    this.openAt = Infinity;
    this._plain = "";
  }

  read(from, to) {
    let at = from;
    while (at < to) {
      SPECIAL.lastIndex = at;
      const found = SPECIAL.exec(this.text);
      const next = found && found.index < to ? found.index : to;
      this._write(at, next);
      at = next < to ? this._special(next, to) : next;
    }
    this._flush(to);
  }

  // Plain text in runs, so that a long one can be settled.
  _write(from, to) {
    let at = from;
    while (at < to) {
      const room = RUN - this._plain.length;
      let cut = to;
      if (to - at > room) {
        const space = this.text.indexOf(" ", at + Math.max(0, room));
        cut = space < 0 || space >= to ? to : space + 1;
      }
      this._plain += this.text.slice(at, cut);
      at = cut;
      if (this._plain.length >= RUN && at < to) this._flush(at);
    }
  }

  _flush(end) {
    if (this._plain) this.items.push({ node: document.createTextNode(this._plain), end });
    this._plain = "";
  }

  _push(start, node, end) {
    this._flush(start);
    this.items.push({ node, end });
    return end;
  }

  _asText(at, length) {
    this._plain += this.text.slice(at, at + length);
    return at + length;
  }

  _special(at, to) {
    const sign = this.text[at];
    switch (sign) {
      case "\\":
        return this._escape(at, to);
      case "\n":
        return this._lineEnd(at);
      case "`":
        return this._code(at, to);
      case "*":
      case "_":
      case "~":
        return this._emphasis(at, to, sign);
      case "[":
        return this._link(at, to, at);
      case "!":
        return this.text[at + 1] === "[" ? this._link(at, to, at + 1) : this._asText(at, 1);
      default:
        return this._address(at, to);
    }
  }

  _escape(at, to) {
    const next = this.text[at + 1];
    if (at + 1 < to && next === "\n") return this._push(at, element("br"), at + 2);
    if (at + 1 >= to || !ESCAPABLE.test(next)) return this._asText(at, 1);
    this._plain += next;
    return at + 2;
  }

  _lineEnd(at) {
    if (this.text.slice(at - 2, at) === "  ") return this._push(at, element("br"), at + 1);
    this._plain += "\n";
    return at + 1;
  }

  _code(at, to) {
    const size = runOf(this.text, at, to);
    const close = closingTicks(this.text, at + size, to, size);
    if (close < 0) return this._unclosed(at, size, to, () => element("code"), true);
    const node = element("code");
    node.textContent = this.text.slice(at + size, close).replace(/\n/g, " ");
    return this._push(at, node, close + size);
  }

  _emphasis(at, to, sign) {
    const run = runOf(this.text, at, to);
    const size = sign === "~" ? 2 : run >= 2 ? 2 : 1;
    const before = this.text[at - 1] ?? " ";
    const after = this.text[at + size] ?? "";
    const opens = run >= size && run <= 3 && after && !/\s/.test(after) && after !== sign + sign;
    if (!opens || (sign === "_" && WORD.test(before))) return this._asText(at, run);
    const make = () => element(sign === "~" ? "del" : size === 2 ? "strong" : "em");
    const close = closingRun(this.text, at + size, to, sign, size);
    if (close < 0) return this._unclosed(at, size, to, make, size === 1);
    const node = make();
    this._inside(node, at + size, close);
    return this._push(at, node, close + size);
  }

  _link(at, to, bracket) {
    const { text } = this;
    const end = closingBracket(text, bracket + 1, to);
    if (end < 0) return this._unclosed(at, bracket + 1 - at, to, null, true);
    if (text[end + 1] !== "(") {
      // `[1]` may still become `[1](…`
      if (end + 1 >= to && !this.final) this._open(at);
      return this._asText(at, bracket + 1 - at);
    }
    const close = closingParenthesis(text, end + 2, to);
    const label = (node) => this._inside(node, bracket + 1, end);
    if (close < 0) {
      if (this.final || at < this.literal) return this._asText(at, bracket + 1 - at);
      this._open(at);
      const node = element("span");
      label(node);
      return this._push(at, node, to);
    }
    const node = anchor(text.slice(end + 2, close));
    label(node);
    if (!node.textContent) node.textContent = node.getAttribute("href") ?? "";
    return this._push(at, node, close + 1);
  }

  _address(at, to) {
    if (at > 0 && WORD.test(this.text[at - 1])) return this._asText(at, 4);
    const [found] = ADDRESS.exec(this.text.slice(at, to)) ?? [null];
    if (!found) return this._asText(at, 4);
    const address = trimmed(found);
    if (at + found.length >= to && !this.final) this._open(at);
    const node = anchor(address);
    node.textContent = address;
    return this._push(at, node, at + address.length);
  }

  // An opener whose other half has not come: text, or, while more may come, as if it had.
  _unclosed(at, size, to, make, quiet) {
    if (this.final || at < this.literal) return this._asText(at, size);
    this._open(at);
    if (quiet && make === null) return this._asText(at, size);
    if (quiet && this.text[at] !== "`") return this._asText(at, size);
    const node = make();
    if (this.text[at] === "`") node.textContent = this.text.slice(at + size, to);
    else this._inside(node, at + size, to);
    return this._push(at, node, to);
  }

  _open(at) {
    this.openAt = Math.min(this.openAt, at);
  }

  _inside(node, from, to) {
    const inner = new Reader(this.text.slice(0, to), this.final, this.literal);
    inner.read(from, to);
    node.append(...inner.items.map((item) => item.node));
  }
}

function element(name) {
  return document.createElement(name);
}

// Only http and https lead anywhere; everything else stays words. Pictures become links too: a
// picture would be fetched from wherever the model says.
function anchor(target) {
  const address = target.trim().split(/\s+/)[0].replace(/^<|>$/g, "");
  if (!/^https?:\/\/[^\s]+$/i.test(address) || !URL.canParse(address)) return element("span");
  const node = element("a");
  node.href = address;
  node.target = "_blank";
  node.rel = "noopener noreferrer nofollow";
  return node;
}

function trimmed(address) {
  let end = address.length;
  while (end > 8 && /[.,;:!?*_~)\]]/.test(address[end - 1])) {
    if (address[end - 1] === ")" && address.slice(0, end).includes("(")) break;
    end -= 1;
  }
  return address.slice(0, end);
}

function runOf(text, at, to) {
  let end = at + 1;
  while (end < to && text[end] === text[at]) end += 1;
  return end - at;
}

function closingTicks(text, from, to, size) {
  let at = text.indexOf("`", from);
  while (at >= 0 && at < to) {
    const run = runOf(text, at, to);
    if (run === size) return at;
    at = text.indexOf("`", at + run);
  }
  return -1;
}

function closingRun(text, from, to, sign, size) {
  for (let at = from; at < to; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "`") {
      const run = runOf(text, at, to);
      const close = closingTicks(text, at + run, to, run);
      at = close < 0 ? at + run - 1 : close + run - 1;
    } else if (text[at] === sign) {
      const run = runOf(text, at, to);
      const closes = at > from && !/\s/.test(text[at - 1]);
      const outside = sign !== "_" || !WORD.test(text[at + run] ?? " ");
      if (closes && outside && (size === 1 ? run % 2 === 1 : run >= 2)) {
        return size === 1 ? at + run - 1 : at + run - 2;
      }
      at += run - 1;
    }
  }
  return -1;
}

function closingBracket(text, from, to) {
  let depth = 0;
  for (let at = from; at < to; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "[") depth += 1;
    else if (text[at] === "]" && depth-- === 0) return at;
  }
  return -1;
}

function closingParenthesis(text, from, to) {
  let depth = 0;
  for (let at = from; at < to && text[at] !== "\n"; at += 1) {
    if (text[at] === "(") depth += 1;
    else if (text[at] === ")" && depth-- === 0) return at;
  }
  return -1;
}
