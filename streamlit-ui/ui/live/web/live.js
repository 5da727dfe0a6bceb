// The door of the component: Streamlit calls the default export whenever the page has run.
//
// Session and connection belong to the tab, not to the element: Streamlit may take the element
// away and put it back, for example when the person looks at another page in between.

import { Session } from "./session.js";
import { expiryOf, Line } from "./socket.js";
import { View } from "./view.js";

const LINGER_MS = 5_000;
const DUE_SECONDS = 60;

let tab = null;
const views = new WeakMap();

class Tab {
  constructor(address, user, token) {
    this.address = address;
    this.user = user;
    this._view = null;
    this._conversation = null;
    this._page = null;
    this._toldToken = null;
    this.session = new Session({
      storage: storage(),
      name: `trollama.live:${user}`,
      send: (frame) => this.line?.send(frame) ?? false,
      heard: (ask, change, piece) => this._heard(ask, change, piece),
      notice: (text, code) => this._view?.notice(text, code),
    });
    this.line = new Line(address, {
      hello: () => this.session.hello(),
      frame: (frame) => this.session.receive(frame),
      state: (state) => this._state(state),
    });
    this._saved = () => this.session.save();
    globalThis.addEventListener("pagehide", this._saved);
    this.use(token);
  }

  use(token) {
    if (token === this.token) return;
    this.token = token;
    this.line.open(token);
    clearTimeout(this._due);
    const expiry = expiryOf(token);
    if (expiry === null) return;
    const left = (expiry - DUE_SECONDS) * 1000 - Date.now();
    if (left > 0 && left < 2 ** 31) this._due = setTimeout(() => this._needToken(), left);
  }

  show(view, page, { conversation, question, thinking, drawn }) {
    clearTimeout(this._leaving);
    if (this._view !== view || this._conversation !== conversation) view.goToEnd();
    this._view = view;
    this._page = page;
    this._conversation = conversation;
    this.session.drawn(drawn);
    if (question) this.session.ask(question);
    view.open(this.session.of(conversation), { thinking });
    view.connection(this.line.state, this.line.retryAt);
    if (this.session.ended.some((id) => !drawn.includes(id))) this._tellEnded();
  }

  hide(view) {
    if (this._view !== view) return;
    this._view = null;
    this._leaving = setTimeout(() => this.close(), LINGER_MS);
  }

  reconnect() {
    this._toldToken = null;
    this.line.now();
  }

  close() {
    clearTimeout(this._due);
    globalThis.removeEventListener("pagehide", this._saved);
    this.session.save();
    this.line.close();
    if (tab === this) tab = null;
  }

  _heard(ask, change, piece) {
    if (ask.conversation === this._conversation) this._view?.heard(ask, change, piece);
    if (change === "end") this._tellEnded();
  }

  _tellEnded() {
    if (this._view) this._page.setStateValue("ended", this.session.ended);
  }

  _state(state) {
    if (state !== "open") this.session.lost();
    this._view?.connection(state, this.line?.retryAt ?? 0);
    if (state === "token") this._needToken();
  }

  // Once for each token: a page that has no other shows the way to log in.
  _needToken() {
    if (!this._view || this._toldToken === this.token) return;
    this._toldToken = this.token;
    this._page.setTriggerValue("needs_token", true);
  }
}

export default function live({ data, parentElement, setStateValue, setTriggerValue }) {
  if (tab && (tab.address !== data.address || tab.user !== data.user)) tab.close();
  tab ??= new Tab(data.address, data.user, data.token);
  tab.use(data.token);
  let view = views.get(parentElement);
  if (!view) {
    view = new View(parentElement, {
      stop: (ask) => tab?.session.stop(ask),
      again: (ask) => tab?.session.again(ask),
      reconnect: () => tab?.reconnect(),
    });
    views.set(parentElement, view);
  }
  tab.show(view, { setStateValue, setTriggerValue }, data);
  return () => {
    tab?.hide(view);
    view.remove();
    views.delete(parentElement);
  };
}

function storage() {
  try {
    return globalThis.sessionStorage;
  } catch {
    const kept = new Map(); // cookies and storage are blocked: nothing outlives a reload
    return { getItem: (name) => kept.get(name) ?? null, setItem: (name, text) => kept.set(name, text) };
  }
}
