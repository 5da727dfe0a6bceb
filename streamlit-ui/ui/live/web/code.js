// A block of code that grows line by line, with a button that copies it.

const LINES_A_CHUNK = 40; // browsers lay out a chunk at a time, not the whole block again

export class Code {
  constructor(language) {
    this.element = document.createElement("div");
    this.element.className = "code";
    const head = document.createElement("div");
    head.className = "code-head";
    const name = document.createElement("span");
    name.textContent = language;
    head.append(name, this._button());
    this._pre = document.createElement("pre");
    this._pre.tabIndex = 0; // wide code is scrolled with the arrow keys
    this._pre.setAttribute("aria-label", language ? `Code in ${language}` : "Code");
    this.element.append(head, this._pre);
    this._parts = [];
    this._chunk = null;
    this._lines = 0;
    this._fresh = "";
  }

  write(text) {
    this._parts.push(text);
    this._fresh += text;
  }

  draw() {
    while (this._fresh) {
      if (!this._chunk || this._lines >= LINES_A_CHUNK) this._begin();
      const cut = this._cut();
      this._chunk.append(document.createTextNode(this._fresh.slice(0, cut)));
      this._fresh = this._fresh.slice(cut);
    }
  }

  end() {
    this.draw();
  }

  get text() {
    return this._parts.join("");
  }

  _begin() {
    this._chunk = document.createElement("code");
    this._lines = 0;
    this._pre.append(this._chunk);
  }

  // How much of what is fresh still belongs into this chunk.
  _cut() {
    let at = 0;
    while (this._lines < LINES_A_CHUNK) {
      const end = this._fresh.indexOf("\n", at);
      if (end < 0) return this._fresh.length;
      at = end + 1;
      this._lines += 1;
    }
    return at;
  }

  _button() {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = "Copy";
    button.onclick = async () => {
      button.textContent = (await copy(this.text)) ? "Copied" : "Not copied";
      setTimeout(() => (button.textContent = "Copy"), 2_000);
    };
    return button;
  }
}

// Pages without TLS have no clipboard; there the old way is tried.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const worked = document.execCommand("copy");
    area.remove();
    return worked;
  }
}
