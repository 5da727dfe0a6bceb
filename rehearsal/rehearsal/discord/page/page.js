"use strict";
// The page asks for what a person sees of a channel; the answer comes when something changed.

const $ = (id) => document.getElementById(id);
const here = { person: "ada", channel: "general", version: -1, reply: null, drawn: new Map(), bottom: true };
let shown = null;
let asking = new AbortController();

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "html") node.innerHTML = value; // rendered and escaped by the server
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null && child !== false));
  return node;
}

async function act(what, body) {
  const answer = await fetch(`/rehearsal/discord/act/${what}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ person: here.person, channel: here.channel, ...body }),
  });
  const text = await answer.text();
  $("notice").hidden = answer.ok;
  if (answer.ok) return JSON.parse(text);
  try { $("notice").textContent = JSON.parse(text).error; } catch { $("notice").textContent = text; }
  return null;
}

async function watch() {
  for (;;) {
    asking = new AbortController();
    const query = new URLSearchParams({
      person: here.person, channel: here.channel, since: here.version,
    });
    try {
      const answer = await fetch(`/rehearsal/discord/view?${query}`, { signal: asking.signal });
      if (answer.status === 404) go("general");
      if (!answer.ok) throw new Error(answer.statusText);
      shown = await answer.json();
      here.version = shown.version;
      draw();
    } catch (problem) {
      if (problem.name === "AbortError") continue;
      $("link").className = "";
      $("link").textContent = "the stand-in does not answer";
      await new Promise((later) => setTimeout(later, 1000));
      here.version = -1;
    }
  }
}

function go(channel) {
  here.channel = channel;
  location.hash = `${channel}@${here.person}`;
  document.body.classList.remove("menu");
  again();
}

function readAddress() {
  const [channel, person] = location.hash.slice(1).split("@");
  if (channel) here.channel = channel;
  if (person) here.person = person;
}

function again() {
  here.version = -1;
  here.drawn.clear();
  here.bottom = true;
  $("messages").replaceChildren();
  reply(null);
  asking.abort();
}

function draw() {
  here.channel = shown.channel.id;
  $("title").textContent = (shown.channel.kind === 1 ? "@ " : "# ") +
    (shown.channel.kind === 1 ? shown.bot : shown.channel.name);
  $("new-thread").hidden = shown.channel.kind !== 15;
  $("composer").hidden = shown.channel.kind === 15;
  $("link").className = shown.connected ? "on" : "";
  $("link").textContent = shown.connected ? `${shown.bot} is connected` : `${shown.bot} is away`;
  $("typing").hidden = !shown.typing;
  $("typing").textContent = `${shown.bot} is typing…`;
  $("person").replaceChildren(...shown.people.map((one) =>
    make("option", { value: one.id, selected: one.id === shown.person.id }, one.name)));
  drawChannels();
  drawMessages();
  if (shown.forms.length) showForm(shown.forms[0]);
}

function drawChannels() {
  const rows = [];
  let guild = null;
  for (const one of shown.channels) {
    if (one.guild !== guild) rows.push(make("h2", {}, one.guild || "Direct messages"));
    guild = one.guild;
    const sign = { 0: "# ", 1: "@ ", 11: "↳ ", 15: "▤ " }[one.kind] || "";
    const kinds = [one.kind === 11 && "thread", one.archived && "archived",
      one.id === shown.channel.id && "here"].filter(Boolean).join(" ");
    rows.push(make("button", { class: kinds, onclick: () => go(one.id) }, sign + one.name));
  }
  $("channels").replaceChildren(...rows);
}

function drawMessages() {
  const list = $("messages");
  const wanted = new Set(shown.messages.map((one) => one.id));
  for (const [id, old] of here.drawn) {
    if (!wanted.has(id)) { old.node.remove(); here.drawn.delete(id); }
  }
  let before = null;
  for (const one of shown.messages) {
    const first = !before || before.author.id !== one.author.id || one.reply || one.command ||
      new Date(one.at) - new Date(before.at) > 7 * 60e3;
    const key = JSON.stringify([one, Boolean(first)]);
    const old = here.drawn.get(one.id);
    if (!old || old.key !== key) {
      const node = drawMessage(one, first);
      if (old) old.node.replaceWith(node); else list.append(node);
      here.drawn.set(one.id, { key, node });
    }
    before = one;
  }
  stay();
}

function stay() {
  if (here.bottom) $("messages").scrollTop = $("messages").scrollHeight;
}

function drawMessage(one, first) {
  const kinds = [first && "first", one.pings && "pings"].filter(Boolean).join(" ");
  if (one.system) {
    return make("li", { class: "first starter" }, ...(one.starter ? [...heading(one.starter),
      make("div", { class: "body", html: one.starter.html })] : ["The first message was deleted."]));
  }
  return make("li", { class: kinds, "data-id": one.id },
    ...(first ? heading(one) : []),
    drawText(one),
    ...one.embeds.map(drawEmbed),
    ...one.files.map(drawFile),
    ...one.rows.map((row) => drawRow(one, row)),
    one.reactions.length > 0 && make("div", { class: "row" }, ...one.reactions.map((each) =>
      make("button", { class: each.mine ? "reaction mine" : "reaction",
        onclick: () => act("react", { message: one.id, emoji: each.emoji, on: !each.mine }) },
      `${each.emoji} ${each.count}`))),
    one.thread && make("button", { class: "opens", onclick: () => go(one.thread.id) },
      make("b", {}, one.thread.name), make("span", {}, `${one.thread.said} ${
        one.thread.said === 1 ? "message" : "messages"} ›`)),
    one.hidden && make("div", { class: "hidden-note" }, "Only you can see this."),
    tools(one));
}

function drawText(one) {
  const body = make("div", { class: one.loading ? "body waits" : "body", html: one.html });
  const last = body.lastElementChild;
  if (one.edited) {
    (last && last.tagName === "P" ? last : body).append(make("span", { class: "edited" }, "(edited)"));
  }
  return body;
}

function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

function heading(one) {
  const hue = Number((BigInt(one.author.id) * 137n) % 360n);
  const face = one.author.bot ? "var(--blurple)" : `hsl(${hue} 45% 45%)`;
  const above = one.reply ? `↰ @${one.reply.name} ${one.reply.text}` :
    one.command && one.command.name ? `↰ ${one.command.person} used /${one.command.name}` : null;
  return [
    above && make("div", { class: "above" }, above),
    make("div", { class: "face", style: `background: ${face}` }, one.author.name[0]),
    make("span", { class: "name" }, one.author.name),
    one.author.bot && make("span", { class: "tag" }, "APP"),
    make("time", { datetime: one.at }, clock(one.at)),
  ].filter(Boolean);
}

function drawEmbed(embed) {
  const color = embed.color == null ? "" : "#" + embed.color.toString(16).padStart(6, "0");
  return make("div", { class: "embed", style: color && `border-color: ${color}` },
    embed.title && make("b", {}, embed.title),
    make("div", { class: "body", html: embed.html }),
    ...embed.fields.map((each) => make("div", {}, make("b", {}, each.name),
      make("div", { class: "body", html: each.html }))),
    embed.footer && make("small", {}, embed.footer));
}

function drawFile(file) {
  return make("div", { class: "file" },
    file.type.startsWith("image/") && make("img", { src: file.url, alt: file.name }),
    make("a", { href: file.url, download: file.name }, file.name),
    make("small", {}, size(file.size)));
}

function size(bytes) {
  return bytes < 1000 ? `${bytes} bytes` : `${(bytes / 1000).toFixed(1)} kB`;
}

function drawRow(message, row) {
  if (row.type === 10) return make("div", { class: "body" }, row.content);
  return make("div", { class: "row" }, ...(row.components || []).map((part) => {
    if (part.type === 3) return drawMenu(message, part);
    if (part.type === 10) return make("div", { class: "body" }, part.content);
    const label = [part.emoji && part.emoji.name, part.label].filter(Boolean).join(" ");
    if (part.style === 5) return make("a", { href: part.url, target: "_blank" }, label);
    return make("button", { class: `part style${part.style}`, disabled: Boolean(part.disabled),
      onclick: () => act("press", { message: message.id, button: part.custom_id }) }, label);
  }));
}

function drawMenu(message, part) {
  return make("select", { disabled: Boolean(part.disabled), onchange: (event) =>
    act("press", { message: message.id, button: part.custom_id, values: [event.target.value] }) },
  make("option", { value: "", disabled: true, selected: true }, part.placeholder || "Choose…"),
  ...(part.options || []).map((each) => make("option", { value: each.value }, each.label)));
}

function tools(one) {
  const tool = (label, title, done) => make("button", { title, onclick: done }, label);
  const change = () => {
    const text = prompt("Edit the message", one.text);
    if (text) act("edit", { message: one.id, text });
  };
  const react = (emoji) => () => act("react", { message: one.id, emoji });
  return make("div", { class: "tools" },
    tool("👍", "React", react("👍")), tool("👎", "React", react("👎")),
    tool("↰", "Reply", () => reply(one)),
    one.mine && tool("✎", "Edit", change),
    one.mine && tool("🗑", "Delete", () => act("delete", { message: one.id })));
}

function reply(message) {
  here.reply = message && message.id;
  $("replying").hidden = !message;
  if (message) $("replying").firstElementChild.textContent = `Replying to ${message.author.name}`;
  $("text").focus();
}

async function send() {
  const text = $("text").value.trim();
  const chosen = [...$("files").files];
  if (!text && !chosen.length) return;
  const files = await Promise.all(chosen.map(async (file) => ({
    name: file.name, data_base64: await encoded(file),
  })));
  $("text").value = "";
  $("files").value = "";
  $("composer").className = "";
  await act("say", { text, files, reply_to: here.reply });
  reply(null);
}

function encoded(file) {
  return new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.split(",")[1] || "");
    reader.readAsDataURL(file);
  });
}

function suggest() {
  const text = $("text").value;
  const fitting = text.startsWith("/") && shown
    ? shown.commands.filter((one) => ("/" + one.name).startsWith(text.split(" ")[0])) : [];
  $("suggestions").hidden = !text.startsWith("/");
  $("suggestions").replaceChildren(...fitting.map((one) => make("li", {},
    make("button", { onclick: () => useCommand(one) }, `/${one.name} `,
      make("small", {}, one.description)))));
  if (text.startsWith("/") && !fitting.length) {
    $("suggestions").replaceChildren(make("li", {}, make("small", {}, "No such command.")));
  }
}

function useCommand(command) {
  $("text").value = "";
  $("suggestions").hidden = true;
  const run = (options) => act("slash", { command: command.name, options });
  if (!command.options.length) return run({});
  const fields = command.options.map((one) => make("label", { title: one.description },
    one.name + (one.required ? " *" : ""), optionField(one)));
  const form = $("options");
  form.replaceChildren(make("b", {}, "/" + command.name), ...fields, make("button", {}, "Send"),
    make("button", { type: "button", onclick: () => { form.hidden = true; } }, "Cancel"));
  form.onsubmit = (event) => {
    event.preventDefault();
    const options = {};
    for (const one of command.options) {
      const value = form.elements[one.name].value;
      if (value !== "") options[one.name] = typed(one.type, value);
    }
    form.hidden = true;
    run(options);
  };
  form.hidden = false;
}

function optionField(one) {
  const choices = one.type === 5 ? [{ name: "yes", value: "true" }, { name: "no", value: "false" }]
    : one.choices;
  if (!choices.length) return make("input", { name: one.name, required: one.required });
  return make("select", { name: one.name },
    ...(one.required ? [] : [make("option", { value: "" }, "—")]),
    ...choices.map((each) => make("option", { value: each.value }, each.name)));
}

function typed(type, value) {
  if (type === 5) return value === "true";
  return type === 4 || type === 10 ? Number(value) : value;
}

const filled = new Set();

function showForm({ token, form }) {
  if (filled.has(token)) return;
  filled.add(token);
  const parts = form.components.flatMap((row) => row.components || [row.component || row]);
  const dialog = $("form");
  const fields = parts.map((part) => make("label", {}, part.label || "",
    make(part.style === 2 ? "textarea" : "input", { name: part.custom_id })));
  const inside = dialog.firstElementChild;
  inside.replaceChildren(make("h3", {}, form.title), ...fields, make("button", {}, "Submit"));
  inside.onsubmit = () => act("fill", { token,
    filled: Object.fromEntries(parts.map((p) => [p.custom_id, inside.elements[p.custom_id].value])) });
  dialog.showModal();
}

$("composer").addEventListener("submit", (event) => { event.preventDefault(); send(); });
$("text").addEventListener("input", suggest);
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey) return;
  event.preventDefault();
  const command = $("suggestions").querySelector("button");
  if ($("text").value.startsWith("/") && command) command.click(); else send();
});
$("files").addEventListener("change", () => {
  $("composer").className = $("files").files.length ? "armed" : "";
});
$("replying").lastElementChild.addEventListener("click", () => reply(null));
$("person").addEventListener("change", (event) => {
  here.person = event.target.value;
  go(here.channel);
});
$("menu").addEventListener("click", () => document.body.classList.toggle("menu"));
$("new-thread").addEventListener("click", async () => {
  const name = prompt("Title of the post");
  const text = name && prompt("What do you want to say?");
  const made = text && await act("thread", { name, text });
  if (made) go(made.id);
});
window.addEventListener("hashchange", () => {
  const before = `${here.channel}@${here.person}`;
  readAddress();
  if (`${here.channel}@${here.person}` !== before) again();
});
$("messages").addEventListener("scroll", () => {
  const list = $("messages");
  here.bottom = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
});
new ResizeObserver(stay).observe($("messages"));
readAddress();
watch();
