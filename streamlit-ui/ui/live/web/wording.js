// What the component says by itself, in plain sentences. Pure.

const STAGES = {
  waiting: "Waiting for a free place…",
  routing: "Choosing a model…",
  loading_model: "Loading the model…",
  reading_files: "Reading your files…",
  searching: "Searching the web…",
  reading_page: "Reading a page…",
  thinking: "Thinking…",
  generating: "Writing…",
  saving: "Saving…",
};

// Where an ask is, in one line.
export function lineOf(ask) {
  if (ask.stopping) return "Stopping…";
  if (ask.maintenance && !ask.stage) {
    return "Trollama is under maintenance. Your question waits and is answered afterwards.";
  }
  switch (ask.stage) {
    case undefined:
    case null:
      return ask.queued ? place(ask.position) : "Sending…";
    case "waiting":
      return ask.detail ? sentence(ask.detail) : place(ask.position);
    case "loading_model":
      return loading(ask);
    case "reading_files":
      if (!ask.detail || ask.detail.endsWith("…")) return ask.detail || STAGES.reading_files;
      return `Reading ${ask.detail}…`;
    case "searching":
      return ask.detail ? `Searching the web: ${ask.detail}…` : STAGES.searching;
    case "reading_page":
      return ask.detail ? `Reading ${ask.detail}…` : STAGES.reading_page;
    default:
      return ask.detail ? sentence(ask.detail) : (STAGES[ask.stage] ?? "Working…");
  }
}

function loading({ model, etaSeconds, detail }) {
  if (!model) return detail ? sentence(detail) : STAGES.loading_model;
  const about = etaSeconds ? `, about ${Math.max(1, Math.round(etaSeconds))} s` : "";
  return `Loading ${model}${about}…`;
}

function place(position) {
  if (!position) return STAGES.waiting;
  if (position === 1) return "Waiting: yours is next.";
  return `Waiting: number ${position} in the queue.`;
}

function sentence(text) {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(upper) ? upper : `${upper}…`;
}

// What is wrong with the connection and the button that helps, or null.
export function troubleOf(state, secondsLeft, asking) {
  const kept = asking ? " Your question is kept." : "";
  const soon = secondsLeft > 0 ? ` Trying again in ${secondsLeft} s.` : " Trying again…";
  switch (state) {
    case "waiting":
      return { text: `Trollama cannot be reached.${kept}${soon}`, act: "Try now" };
    case "offline":
      return { text: `You are offline.${kept}${soon}`, act: "Try now" };
    case "replaced":
      return { text: "This chat is open in another tab.", act: "Use it here" };
    case "token":
      return {
        text: "Your sign-in is being renewed. If this stays, please log in again.",
        act: "Try again",
      };
    case "origin":
      return {
        text:
          `Trollama does not accept this page. Please ask the operator to add ` +
          `${location.origin} to ALLOWED_ORIGINS.${soon}`,
        act: "Try now",
      };
    default:
      return null;
  }
}

// Why there is no answer.
export function failureOf({ code, message }) {
  return code === "chat.cancelled" ? "Stopped." : message;
}

export function sizeOf(bytes) {
  if (!bytes) return "";
  const units = ["B", "kB", "MB", "GB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const number = bytes / 1000 ** power;
  return `${number >= 10 || power === 0 ? Math.round(number) : number.toFixed(1)} ${units[power]}`;
}
