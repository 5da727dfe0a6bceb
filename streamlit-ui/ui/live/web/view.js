// What the component shows: the turns of one conversation, the connection, notices.
//
// Pieces are collected and drawn twenty times a second. A screen reader hears stages and whole paragraphs
// from a region of its own, not every piece.

import { isOver } from "./session.js";
import { button, make, Turn } from "./turn.js";
import { troubleOf } from "./wording.js";

const NEAR_BOTTOM_PX = 80;
const ROUNDING_PX = 2;
const HANDS = ["wheel", "touchmove", "keydown", "focusin", "pointerdown"];
const HAND_MS = 1_000; // a move is drawn later on a slow machine
const DRAW_MS = 50; // drawing costs far more than receiving, and nobody reads faster
const HIDDEN_DRAW_MS = 500;
const SAID_KEPT = 6;
const STOPPING = "service"; // what `service.stopping` is about

export class View {
  // `act`: { stop(ask), again(ask), reconnect() }
  constructor(root, act) {
    this._root = root;
    this._act = act;
    this._turns = new Map();
    this._fresh = new Set();
    this._planned = false;
    this._drawnAt = -Infinity;
    this._thinking = false;
    this._element = make("div", "live");
    this._list = make("div", "turns");
    this._trouble = make("div", "trouble", { role: "status" });
    this._notices = make("div", "notices", { role: "status" });
    this._said = make("div", "heard-only", { role: "log", "aria-live": "polite" });
    this._trouble.hidden = true;
    this._element.append(this._list, this._notices, this._trouble, this._said);
    this._element.addEventListener("keydown", (event) => this._key(event));
    root.append(this._element);
    this._bottom = new Bottom(root);
  }

  remove() {
    clearInterval(this._countdown);
    this._bottom.leave();
    this._element.remove();
  }

  // The turns of a conversation, the oldest first. What was answered before it was opened is past.
  open(asks, { thinking }) {
    this._thinking = thinking;
    for (const id of this._turns.keys()) {
      if (!asks.some((ask) => ask.id === id)) this._drop(id);
    }
    for (const ask of asks) if (!this._turns.has(ask.id) && !ask.done) this._add(ask);
  }

  // The person opened this page or another conversation: the end of it is what they look for.
  goToEnd() {
    this._bottom.go();
  }

  // What `Session` heard about an ask of the open conversation.
  heard(ask, change, piece) {
    const turn = this._turns.get(ask.id);
    if (change === "new") {
      this._add(ask);
      this._bottom.go();
    } else if (change === "gone") this._drop(ask.id);
    else if (turn) this._pass(turn, change, piece);
  }

  // A newer word about the same thing (`maintenance.soft`, `maintenance.ended`) takes the place.
  notice(text, code = "") {
    const [about] = code.split(".");
    this._withdraw(about);
    const line = make("div", "notice", {}, make("span", "", {}, text));
    line.dataset.about = about;
    line.append(button("Close", () => line.remove()));
    this._notices.append(line);
  }

  _withdraw(about) {
    for (const line of [...this._notices.children]) {
      if (about && line.dataset.about === about) line.remove();
    }
  }

  connection(state, retryAt) {
    clearInterval(this._countdown);
    if (state === "open") this._withdraw(STOPPING);
    const show = () => {
      const left = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
      const trouble = troubleOf(state, left, this._underWay().length > 0);
      this._trouble.hidden = !trouble;
      this._trouble.classList.toggle("calm", state === "token");
      if (!trouble) return;
      if (!this._trouble.firstChild) {
        this._trouble.append(make("span"), button("", () => this._act.reconnect()));
      }
      const [text, again] = this._trouble.children;
      text.textContent = trouble.text;
      again.hidden = !trouble.act;
      again.textContent = trouble.act ?? "";
    };
    if (state === "connecting" && !this._trouble.hidden) return; // until it is known how it goes
    show();
    if (!this._trouble.hidden) this._countdown = setInterval(show, 1_000);
  }

  _pass(turn, change, piece) {
    if (change === "answer") turn.write(piece);
    else if (change === "thinking") turn.think(piece);
    else if (change === "restart") turn.restart();
    else if (change === "state") this._say(turn.show());
    else if (change === "past") turn.past();
    else if (change === "end") {
      turn.end();
      this._say(turn.ask.failure ? null : "The answer is complete.");
    }
    this._fresh.add(turn);
    this._plan();
  }

  _plan() {
    if (this._planned) return;
    this._planned = true;
    const draw = () => {
      this._planned = false;
      this._drawnAt = performance.now();
      for (const turn of this._fresh) turn.draw();
      this._fresh.clear();
      this._bottom.keep();
    };
    const rest = this._drawnAt + DRAW_MS - performance.now();
    // A hidden page has no frames.
    if (document.hidden) setTimeout(draw, HIDDEN_DRAW_MS);
    else if (rest > 0) setTimeout(() => requestAnimationFrame(draw), rest);
    else requestAnimationFrame(draw);
  }

  _add(ask) {
    const turn = new Turn(ask, {
      stop: (one) => this._act.stop(one),
      again: (one) => this._act.again(one),
      say: (text) => this._say(text),
      wantsThinking: () => this._thinking,
    });
    this._turns.set(ask.id, turn);
    this._list.append(turn.element);
  }

  _drop(id) {
    this._turns.get(id)?.element.remove();
    this._turns.delete(id);
  }

  _say(text) {
    if (!text) return;
    this._said.append(make("p", "", {}, text));
    while (this._said.childElementCount > SAID_KEPT) this._said.firstChild.remove();
  }

  // Escape stops the newest answer under way.
  _key(event) {
    if (event.key !== "Escape") return;
    const newest = this._underWay().pop();
    if (newest) this._act.stop(newest.ask);
  }

  _underWay() {
    return [...this._turns.values()].filter(({ ask }) => !isOver(ask));
  }
}

// Follows the end of the page, however it grows, until the person goes up; the end takes it back.
class Bottom {
  constructor(root) {
    this._host = root.host ?? root;
    this._near = true;
    this._top = this._moved = this._height = 0;
    this._hand = (event) => this._byHand(event) && (this._moved = performance.now());
    this._grown = new ResizeObserver(() => this.keep());
    this._scrolled = () => {
      const { scrollHeight, scrollTop, clientHeight } = this._area;
      const left = scrollHeight - scrollTop - clientHeight;
      // Nobody, but a page that is drawn anew, moves it without a hand while its height changes.
      const byHand = performance.now() - this._moved < HAND_MS || scrollHeight === this._height;
      if (byHand && scrollTop < this._top && left > ROUNDING_PX) this._near = false;
      else if (left < NEAR_BOTTOM_PX) this._near = true;
      this._top = scrollTop;
      this._height = scrollHeight;
    };
  }

  keep() {
    if (this._near && this._found()) this._area.scrollTop = this._area.scrollHeight;
  }

  go() {
    this._near = true;
    requestAnimationFrame(() => this.keep());
  }

  leave() {
    this._grown.disconnect();
    this._area?.removeEventListener("scroll", this._scrolled);
    for (const kind of HANDS) this._area?.removeEventListener(kind, this._hand);
  }

  _byHand({ type, key, target }) {
    if (type === "keydown") return ["ArrowUp", "PageUp", "Home"].includes(key);
    return type !== "pointerdown" || target === this._area; // its scroll bar
  }

  _found() {
    if (this._area) return this._area;
    let element = this._host;
    while (element && !/auto|scroll/.test(getComputedStyle(element).overflowY)) {
      element = element.parentElement ?? element.getRootNode().host;
    }
    this._area = element ?? document.scrollingElement;
    this._area?.addEventListener("scroll", this._scrolled, { passive: true });
    for (const kind of HANDS) this._area?.addEventListener(kind, this._hand, { passive: true });
    for (const child of this._area?.children ?? []) this._grown.observe(child);
    return this._area;
  }
}
