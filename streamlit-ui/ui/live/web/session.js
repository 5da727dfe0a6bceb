// The asks of this browser tab: what the brain said about them, kept over a reload. No DOM here.
//
// Saved first, acknowledged afterwards: what the brain forgets is in the tab's storage.

const KEPT_KNOWN = 200;
const SAVE_MS = 1_000;

export class Session {
  // `heard(ask, change, piece)`: change is new | answer | thinking | restart | state | end | gone.
  constructor({ storage, name, send, heard, notice }) {
    this._storage = storage;
    this._name = name;
    this._send = send;
    this._heard = heard;
    this._notice = notice;
    this._saving = null;
    const kept = read(storage, name);
    this.clientId = kept.client_id ?? newId();
    this.sessionId = kept.session_id ?? null;
    this.seq = kept.seq ?? 0;
    this.known = kept.known ?? []; // ids that were asked, the newest last
    this.ended = kept.ended ?? []; // ids that ended and that the page has not drawn yet
    this.asks = new Map((kept.asks ?? []).map((ask) => [ask.id, ask]));
    this._acked = this.seq;
    this.save();
  }

  hello() {
    const { clientId: client_id, sessionId: session_id, seq: after } = this;
    return session_id ? { client_id, session_id, after } : { client_id };
  }

  // ---------------------------------------------------------------- what the person does

  // Asks once, however often the same question comes.
  ask(question) {
    if (this.known.includes(question.ask_id)) return;
    for (const ask of [...this.asks.values()]) {
      if (ask.conversation === question.conversation_id && ask.failure) this._forget(ask);
    }
    const ask = {
      id: question.ask_id,
      conversation: question.conversation_id,
      text: question.text,
      attachments: question.attachments ?? [],
      options: question.options ?? {},
      attempt: 0,
      answer: "",
      thoughts: "",
    };
    this.known = [...this.known, ask.id].slice(-KEPT_KNOWN);
    this.asks.set(ask.id, ask);
    this.save();
    this._heard(ask, "new");
    this._send(frameOf(ask));
  }

  again(ask) {
    this.ask({
      ask_id: newId(),
      conversation_id: ask.conversation,
      text: ask.text,
      attachments: ask.attachments,
      options: ask.options,
    });
  }

  stop(ask) {
    if (ask.stopping || isOver(ask)) return;
    ask.stopping = true;
    this.save();
    this._heard(ask, "state");
    this._send({ type: "cancel", ask_id: ask.id });
  }

  // The page has drawn these as past.
  drawn(ids) {
    const here = new Set(ids);
    const left = this.ended.filter((id) => !here.has(id));
    if (left.length === this.ended.length) return;
    this.ended = left;
    for (const id of here) {
      const ask = this.asks.get(id);
      if (ask?.done) this._forget(ask);
      else if (ask?.failure?.code === "chat.cancelled" && ask.answer) {
        ask.past = true; // what was said until then is kept by the brain
        this._heard(ask, "past");
      }
    }
    this.save();
  }

  of(conversation) {
    return [...this.asks.values()].filter((ask) => ask.conversation === conversation);
  }

  // ---------------------------------------------------------------- what the brain says

  receive(frame) {
    if (frame.type === "welcome") {
      this._welcome(frame);
      return;
    }
    if (!this._greeted) {
      this._refused(frame); // numbered by itself
      return;
    }
    if (frame.seq <= this.seq) return;
    if (frame.seq > this.seq + 1) this._missed();
    this.seq = frame.seq;
    if (frame.type === "notice") this._notice(frame.message, frame.code);
    else if (frame.ask_id == null) this._refused(frame);
    else this._about(frame);
    if (isEnd(frame)) this.save();
    else this._saving ??= setTimeout(() => this.save(), SAVE_MS);
  }

  // A connection ended; the next one begins with a welcome.
  lost() {
    this._greeted = false;
  }

  _welcome({ session_id, resumed }) {
    this._greeted = true;
    this.sessionId = session_id;
    if (!resumed) {
      this.seq = this._acked = 0;
      for (const ask of this.asks.values()) ask.stale = true;
    }
    this.save();
    for (const ask of this.asks.values()) {
      if (isOver(ask)) continue;
      // An ask is the same however often it is sent; who just started must hear of it again.
      if (!resumed || !ask.queued) this._send(frameOf(ask));
      if (ask.stopping) this._send({ type: "cancel", ask_id: ask.id });
    }
  }

  _missed() {
    for (const ask of this.asks.values()) if (ask.answer && !isOver(ask)) ask.gap = true;
  }

  _refused({ type, message }) {
    if (type === "failed") this._notice(message);
  }

  _about(frame) {
    const ask = this.asks.get(frame.ask_id);
    if (!ask || isOver(ask)) return;
    if (frame.attempt < ask.attempt) return;
    if (frame.attempt > ask.attempt) {
      const first = ask.attempt === 0;
      ask.attempt = frame.attempt;
      if (!first) this._restart(ask);
    }
    HEARD[frame.type]?.(this, ask, frame);
  }

  // What was shown for this ask does not count any more.
  _restart(ask) {
    ask.answer = ask.thoughts = "";
    ask.stale = ask.gap = false;
    this._heard(ask, "restart");
  }

  _add(ask, part, change, text) {
    if (ask.stale) this._restart(ask);
    const piece = ask.gap ? ` […] ${text}` : text;
    ask.gap = false;
    ask[part] += piece;
    this._heard(ask, change, piece);
  }

  _end(ask) {
    this.ended = [...this.ended, ask.id];
    this._heard(ask, "end");
  }

  _forget(ask) {
    this.asks.delete(ask.id);
    this._heard(ask, "gone");
  }

  save() {
    this._saving = null;
    try {
      this._storage.setItem(
        this._name,
        JSON.stringify({
          client_id: this.clientId,
          session_id: this.sessionId,
          seq: this.seq,
          known: this.known,
          ended: this.ended,
          asks: [...this.asks.values()],
        }),
      );
    } catch {
      // A full or forbidden storage costs the answer so far on a reload, nothing else.
    }
    if (this.seq > this._acked && this._send({ type: "ack", seq: this.seq })) this._acked = this.seq;
  }
}

const HEARD = {
  queued(session, ask, { position, maintenance }) {
    Object.assign(ask, { queued: true, position, maintenance });
    session._heard(ask, "state");
  },
  status(session, ask, { stage, detail, position, model, eta_seconds }) {
    ask.queued = true;
    Object.assign(ask, { stage, detail, position, model, etaSeconds: eta_seconds });
    session._heard(ask, "state");
  },
  delta(session, ask, { text }) {
    if (ask.stage === "thinking") {
      Object.assign(ask, { stage: "generating", detail: null });
      session._heard(ask, "state");
    }
    session._add(ask, "answer", "answer", text);
  },
  thinking(session, ask, { text }) {
    session._add(ask, "thoughts", "thinking", text);
  },
  done(session, ask, { text }) {
    ask.done = true;
    if (text !== ask.answer) {
      session._restart(ask);
      ask.answer = text;
      session._heard(ask, "answer", text);
    }
    session._end(ask);
  },
  failed(session, ask, { code, message, retryable }) {
    ask.failure = { code, message, retryable };
    session._end(ask);
  },
};

export function isOver(ask) {
  return Boolean(ask.done || ask.failure);
}

function isEnd({ type }) {
  return type === "done" || type === "failed";
}

function frameOf({ id, conversation, text, attachments, options }) {
  return {
    type: "ask",
    ask_id: id,
    conversation_id: conversation,
    text,
    attachments,
    options,
    surface: "web",
  };
}

function read(storage, name) {
  try {
    return JSON.parse(storage.getItem(name)) ?? {};
  } catch {
    return {};
  }
}

// 128 random bits. `crypto.randomUUID` is missing on pages without TLS.
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
