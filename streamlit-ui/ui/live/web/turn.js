// One question and its answer on the page.

import { Markdown } from "./markdown.js";
import { isOver } from "./session.js";
import { failureOf, lineOf, sizeOf } from "./wording.js";

const THOUGHTS_A_NODE = 4_000;

export class Turn {
  // `act`: { stop(ask), again(ask), say(text), wantsThinking() }
  constructor(ask, act) {
    this.ask = ask;
    this._act = act;
    this.element = make("section", "turn", { "aria-label": "Question and answer" });
    this._answer = make("div", "answer");
    this._thoughts = make("div", "thoughts");
    this._thinking = make("details", "thinking", {}, make("summary", "", {}, "Thinking"));
    this._thinking.append(this._thoughts);
    this._line = make("span", "line");
    this._stop = button("Stop", () => act.stop(ask));
    this._stop.setAttribute("aria-label", "Stop this answer");
    this._status = make("div", "status", {}, make("span", "spinner", { "aria-hidden": "true" }));
    this._status.append(this._line, this._stop);
    this._failure = make("div", "failure", { role: "alert" });
    const said = make("div", "body", {}, this._thinking, this._answer, this._status, this._failure);
    this._asked = message("user", "face", "You", question(ask));
    this.element.append(
      this._asked,
      message("assistant", "smart_toy", "Trollama", said),
    );
    this.restart();
    if (ask.thoughts) this.think(ask.thoughts);
    if (ask.answer) this.write(ask.answer);
    this.draw();
    if (isOver(ask)) this.end();
    else this.show();
    if (ask.past) this.past();
  }

  // The page draws what was asked and said; only why it ended is left here.
  past() {
    this._asked.hidden = true;
    this._thinking.hidden = true;
    this._answer.hidden = true;
  }

  restart() {
    this._answer.replaceChildren();
    this._thoughts.replaceChildren();
    this._thinking.hidden = true;
    this._markdown = new Markdown(this._answer, this._act.say);
    this._answer.setAttribute("aria-busy", "true");
  }

  write(piece) {
    this._markdown.write(piece);
  }

  think(piece) {
    if (!this._act.wantsThinking()) return;
    this._thinking.hidden = false;
    const last = this._thoughts.lastChild;
    if (last && last.length < THOUGHTS_A_NODE) last.appendData(piece);
    else this._thoughts.append(document.createTextNode(piece));
  }

  draw() {
    this._markdown.draw();
  }

  // Where it is; returns the sentence when it is a new one.
  show() {
    const line = lineOf(this.ask);
    this._stop.disabled = Boolean(this.ask.stopping);
    if (line === this._line.textContent) return null;
    this._line.textContent = line;
    return line;
  }

  end() {
    this._markdown.end();
    this._answer.setAttribute("aria-busy", "false");
    this._status.hidden = true;
    const { failure } = this.ask;
    if (!failure) return;
    this._failure.replaceChildren(make("span", "", {}, failureOf(failure)));
    this._failure.classList.toggle("calm", failure.code === "chat.cancelled");
    if (failure.retryable || failure.code === "chat.cancelled") {
      this._failure.append(button("Try again", () => this._act.again(this.ask)));
    }
  }
}

function question({ text, attachments }) {
  const body = make("div", "body", {}, make("div", "asked", {}, text));
  if (attachments.length) {
    const files = attachments.map(({ filename, size }) =>
      make("li", "", {}, [filename, sizeOf(size)].filter(Boolean).join(", ")),
    );
    body.append(make("ul", "files", { "aria-label": "Files" }, ...files));
  }
  return body;
}

function message(kind, icon, name, body) {
  const picture = make("span", `avatar ${kind}`, { "aria-hidden": "true" }, icon);
  return make("div", `message ${kind}`, { role: "group", "aria-label": name }, picture, body);
}

export function make(name, classes = "", attributes = {}, ...children) {
  const element = document.createElement(name);
  if (classes) element.className = classes;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export function button(text, act) {
  const element = make("button", "", { type: "button" }, text);
  element.onclick = act;
  return element;
}
