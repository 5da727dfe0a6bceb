// One connection to /ws/chat that comes back by itself. It knows nothing of what is said on it.
//
// A browser does not tell why an upgrade was refused, so after one the same token is tried over
// HTTP: 401 means the token, an answer the page may not read means the origin, none means nobody
// is there.

export const FIRST_PAUSE_MS = 500;
export const LONGEST_PAUSE_MS = 15_000;
const GREETING_MS = 10_000;
const QUIET_MS = 20_000; // after this much silence it is asked whether anybody is there
const PONG_MS = 6_000;
const STEADY_MS = 5_000; // a connection that lasted this long starts the pauses anew
const REPLACED = 4001;
const SIGN_IN_ENDED = 1008;

// States: connecting | open | waiting | offline | replaced | token | origin | closed
export class Line {
  constructor(address, { hello, frame, state }) {
    this.address = address;
    this.state = "closed";
    this.retryAt = 0;
    this._hello = hello;
    this._frame = frame;
    this._told = state;
    this._tries = 0;
    this._online = () => this._retrying() && this.now();
    this._offline = () => this.state === "open" && this._ask();
  }

  open(token) {
    this.token = token;
    globalThis.addEventListener("online", this._online);
    globalThis.addEventListener("offline", this._offline);
    this._connect();
  }

  // Do not wait for the next try; also takes the connection back from another tab.
  now() {
    this._tries = 0;
    this._connect();
  }

  send(frame) {
    if (this.state !== "open") return false;
    this._socket.send(JSON.stringify(frame));
    return true;
  }

  close() {
    globalThis.removeEventListener("online", this._online);
    globalThis.removeEventListener("offline", this._offline);
    this._drop();
    this._set("closed");
  }

  _retrying() {
    return ["waiting", "offline", "origin"].includes(this.state);
  }

  _connect() {
    this._drop();
    this._set("connecting");
    const socket = (this._socket = new WebSocket(this.address, [
      "trollama.v1",
      `bearer.${this.token}`,
    ]));
    this._opened = false;
    this._timer = setTimeout(() => this._lost(), GREETING_MS);
    socket.onopen = () => {
      this._opened = true;
      socket.send(JSON.stringify({ type: "hello", protocol: 1, ...this._hello() }));
    };
    socket.onmessage = (event) => this._heard(event.data);
    socket.onclose = (event) => this._closed(event.code);
  }

  _heard(data) {
    this._heardAt = performance.now();
    const frame = JSON.parse(data);
    if (frame.type === "welcome") {
      this._since = this._heardAt;
      this._set("open");
      this._watch();
    }
    if (frame.type !== "pong") this._frame(frame);
  }

  // Ping when nothing was heard for long: a network that went away says nothing.
  _watch() {
    clearTimeout(this._timer);
    const quiet = performance.now() - this._heardAt;
    if (quiet >= QUIET_MS) this._ask();
    else this._timer = setTimeout(() => this._watch(), QUIET_MS - quiet);
  }

  _ask() {
    clearTimeout(this._timer);
    const asked = performance.now();
    this.send({ type: "ping" });
    this._timer = setTimeout(
      () => (this._heardAt > asked ? this._watch() : this._lost()),
      PONG_MS,
    );
  }

  _closed(code) {
    if (code === REPLACED) this._stop("replaced");
    else if (code === SIGN_IN_ENDED) this._stop("token");
    else if (this._opened) this._lost();
    else this._ponder();
  }

  async _ponder() {
    this._drop();
    const socket = this._socket;
    const why = await refusal(this.address, this.token);
    if (socket !== this._socket || this.state !== "connecting") return;
    if (why === "token") this._stop("token");
    else this._lost(why === "origin" ? "origin" : undefined);
  }

  _lost(state = navigator.onLine === false ? "offline" : "waiting") {
    this._drop();
    if (this._since !== undefined && performance.now() - this._since > STEADY_MS) this._tries = 0;
    this._since = undefined;
    const pause = pauseAfter(this._tries++, Math.random());
    this.retryAt = Date.now() + pause;
    this._timer = setTimeout(() => this._connect(), pause);
    this._set(state);
  }

  _stop(state) {
    this._drop();
    this._set(state);
  }

  // A socket to nowhere takes its time to close; nobody waits for it.
  _drop() {
    clearTimeout(this._timer);
    const socket = this._socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  _set(state) {
    this.state = state;
    this._told(state);
  }
}

// Doubling from half a second to fifteen, between half and all of it: `chance` in [0, 1).
export function pauseAfter(tries, chance) {
  const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 10));
  return full * (0.5 + chance / 2);
}

// The brain's HTTP address behind that of its socket.
export function httpAddress(address) {
  return address.replace(/^ws/, "http").replace(/\/ws\/chat\/?$/, "");
}

// Why an upgrade was refused: token | origin | unreachable | unknown.
async function refusal(address, token) {
  const base = httpAddress(address);
  const limit = () => AbortSignal.timeout(PONG_MS);
  try {
    const answer = await fetch(`${base}/api/conversations?limit=1`, {
      headers: { Authorization: `Bearer ${token}` },
      signal: limit(),
    });
    return answer.status === 401 ? "token" : "unknown";
  } catch {
    try {
      await fetch(`${base}/health/live`, { mode: "no-cors", signal: limit() });
      return "origin";
    } catch {
      return "unreachable";
    }
  }
}

// Seconds since 1970 at which a JWT expires, or null (RFC 7519, section 4.1.4).
export function expiryOf(token) {
  try {
    const claims = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
    const { exp } = JSON.parse(claims);
    return typeof exp === "number" ? exp : null;
  } catch {
    return null;
  }
}
