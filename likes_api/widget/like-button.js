/* <like-button entry="my-entry-id"> and <vote-buttons target="q_123" type="question">.
 * One file, no dependencies. Manual: README.md, "The button on your pages". Why so: docs/decisions/0007. */

const BATCH_MS = 10; // buttons that appear within this time share one status call
const BATCH_IDS = 50; // the most ids that one status call takes
const BATCH_CHARACTERS = 3000; // keeps the URL below the 4 kB that servers take
const STALE_MS = 60_000; // a tab that comes back after longer asks anew
const TIMEOUT_MS = 10_000; // the server answers within 3.5 s, or not at all

// A page may translate them in <script type="application/json" id="like-button-texts">, which no policy forbids.
const TEXTS = {
  like: "Like", liked: "Liked. Likes: {n}.", unliked: "No longer liked. Likes: {n}.", missing: "Not available",
  votes: "Votes", up: "Vote up", down: "Vote down", voted: "Up: {up}, down: {down}.",
  0: "No answer from the server. Please try again.", 401: "Please sign in first.", 403: "Likes are closed here.", "vote-403": "Votes are not taken from this site.",
  404: "This is no longer here.", 419: "Please allow cookies, then reload the page.",
  429: "Too many at once. Please try again in {n} s.", other: "That did not work. Please try again.",
  ...JSON.parse(document.getElementById("like-button-texts")?.textContent ?? "{}"),
};

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
:host {
  --_like: var(--like-accent, light-dark(#cf1f4b, #ff7795));
  --_up: var(--vote-up-accent, light-dark(#14763d, #58cf8a));
  --_down: var(--vote-down-accent, light-dark(#a5480b, #ffa061));
  display: inline-flex; flex-wrap: wrap; align-items: center; gap: .35em .6em; vertical-align: middle;
  color: var(--like-color, inherit);
}
:host([hidden]) { display: none }
[part~="group"] { display: inline-flex; gap: var(--vote-gap, .4em) }
button {
  --_accent: var(--_like);
  display: inline-flex; align-items: center; gap: .45em; box-sizing: border-box; min-height: 2.75em; min-width: 4em;
  margin: 0; padding: var(--like-padding, .3em .9em); font: inherit; line-height: 1; color: inherit; cursor: pointer;
  border: 1px solid var(--like-border, color-mix(in srgb, currentColor 32%, transparent));
  border-radius: var(--like-radius, 999px); background: var(--like-background, transparent);
  touch-action: manipulation; -webkit-tap-highlight-color: transparent;
}
button[part~="up"] { --_accent: var(--_up) }
button[part~="down"] { --_accent: var(--_down) }
button:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px }
button[aria-disabled="true"] { cursor: default }
button[part~="missing"] { opacity: .5 }
button[aria-pressed="true"] {
  color: var(--_accent); border-color: currentColor; background: color-mix(in srgb, var(--_accent) 11%, transparent);
}
svg { width: 1.2em; height: 1.2em; flex: none; fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round }
[aria-pressed="true"] svg { fill: currentColor }
[part~="count"] { min-width: 1ch; font-variant-numeric: tabular-nums }
[part~="message"] { font-size: .875em; line-height: 1.3 }
.unseen {
  position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
@media (hover: hover) { button:not([aria-disabled="true"]):hover { border-color: var(--_accent) } }
@media (prefers-reduced-motion: no-preference) {
  button { transition: color .15s, border-color .15s, background-color .15s }
  .pressed-now svg { animation: pop .3s ease-out }
  @keyframes pop { 40% { transform: scale(1.3) } }
}
`);

const HEART = "M12 20.5C5.5 15.6 3 12.4 3 8.9 3 6.2 5.1 4 7.8 4c1.7 0 3.2.9 4.2 2.3C13 4.9 14.5 4 16.2 4 18.9 4 21 6.2 21 8.9c0 3.5-2.5 6.7-9 11.6z";
const ARROWS = { up: "M12 4 21 14h-5.5v6h-7v-6H3z", down: "M12 20 3 10h5.5V4h7v6H21z" };

/** An HTTP status, 0 where there was no answer; the seconds after which to try again, if told. */
class Refused extends Error {
  constructor(status, wait = 0) {
    super(`refused: ${status}`);
    Object.assign(this, { status, wait });
  }
}

/** The server behind one base URL: its calls, its CSRF token, and the buttons that wait for their state. */
class Server {
  static #all = new Map();
  #waiting = new Set();
  #timer;
  #token;
  #fetching;

  static at(base) {
    const url = new URL(base || "/", document.baseURI).href.replace(/\/+$/, "");
    if (!Server.#all.has(url)) Server.#all.set(url, new Server(url));
    return Server.#all.get(url);
  }

  constructor(url) {
    this.url = url;
    this.foreign = new URL(url).origin !== location.origin;
  }

  async call(path, body, headers) {
    const init = { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) };
    init.credentials = this.foreign ? "include" : "same-origin";
    if (body) Object.assign(init, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body });
    let response;
    try {
      response = await fetch(this.url + path, init);
      if (response.ok) return await response.json();
    } catch {
      throw new Refused(0);
    }
    throw new Refused(response.status, Number(response.headers.get("Retry-After")) || 0);
  }

  /** Toggle with the token at hand; where that is missing or too old, with a fresh one, once. */
  async toggle(entry) {
    const send = (token) => this.call(`/!/simple-likes/${entry}/toggle`, "{}", { "X-CSRF-TOKEN": token });
    // A foreign page's meta tag, or that of a host framework, is of no use here; it is never changed.
    const meta = this.foreign ? null : document.querySelector('meta[name="csrf-token"]')?.content;
    const token = this.#token || meta;
    if (!token) return send(await this.#freshToken());
    try {
      return await send(token);
    } catch (error) {
      if (error.status !== 419) throw error;
      return send(await this.#freshToken());
    }
  }

  #freshToken() {
    this.#fetching ??= this.call("/!/simple-likes/csrf-token")
      .then((answer) => (this.#token = answer.csrf_token))
      .finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  /** Ask for a button's state, together with all others that ask now. */
  load(button) {
    this.#waiting.add(button);
    this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS);
  }

  #flush() {
    const byEntry = new Map();
    for (const button of this.#waiting) byEntry.set(button.entry, [...(byEntry.get(button.entry) ?? []), button]);
    this.#waiting.clear();
    this.#timer = undefined;
    let batch = [];
    for (const entry of byEntry.keys()) {
      if (batch.length === BATCH_IDS || `${batch},${entry}`.length > BATCH_CHARACTERS) {
        this.#ask(batch, byEntry);
        batch = [];
      }
      batch.push(entry);
    }
    if (batch.length) this.#ask(batch, byEntry);
  }

  async #ask(entries, byEntry) {
    let answer, error;
    try {
      answer = await this.call(`/!/simple-likes/status?ids=${entries}`);
    } catch (refused) {
      error = refused;
    }
    for (const entry of entries) {
      const state = answer && Object.hasOwn(answer, entry) ? answer[entry] : null;
      for (const button of byEntry.get(entry)) button.loaded(state, error);
    }
  }
}

const element = (name, attributes, ...children) => {
  const svg = name === "svg" || name === "path";
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

/** What both elements share: buttons with a count, one line that is read out, one request at a time. */
class Reaction extends HTMLElement {
  #message = element("span", { part: "message", role: "status", class: "unseen" });
  #clearing;
  busy = false;

  constructor() {
    super();
    this.attachShadow({ mode: "open", delegatesFocus: true }).adoptedStyleSheets = [STYLE];
  }

  get #kind() {
    return this.localName.split("-")[0];
  }

  get server() {
    return Server.at(this.getAttribute("base"));
  }

  text(key, values = {}) {
    const text = TEXTS[`${this.#kind}-${key}`] ?? TEXTS[key] ?? TEXTS.other;
    return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }

  build(...children) {
    this.shadowRoot.replaceChildren(...children, this.#message);
  }

  /** A real button; not `disabled` while busy, which would take the keyboard's focus away. */
  makeButton(part, path, onPress) {
    const icon = element("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", part: "icon" }, element("path", { d: path }));
    const label = element("span", { part: "label", class: "unseen" });
    const count = element("span", { part: "count" });
    const button = element("button", { type: "button", "aria-pressed": "false" }, icon, label, " ", count);
    button.addEventListener("click", () => button.getAttribute("aria-disabled") === "true" || onPress());
    const draw = (text, number, pressed, disabled = this.busy) => {
      label.textContent = text;
      count.textContent = number?.toLocaleString() ?? "–";
      button.classList.toggle("pressed-now", this.busy && pressed);
      button.setAttribute("aria-pressed", pressed);
      button.setAttribute("aria-disabled", disabled);
      button.setAttribute("part", `button ${part}${pressed ? " pressed" : ""}`);
    };
    return Object.assign(button, { draw });
  }

  /** Show what is hoped for, send, then show what the server says; where it refuses, what was. */
  async change(hoped, send, told) {
    this.say("");
    this.busy = true;
    this.show(hoped);
    try {
      this.state = await send();
      this.say(told(this.state));
      this.emit("change", this.state);
    } catch (error) {
      this.refuse(error);
      return error;
    } finally {
      this.busy = false;
      this.show(this.state);
    }
  }

  refuse(error) {
    const { status, wait } = error;
    const key = status === 429 && !wait ? "other" : status;
    this.say(this.text(key, { n: wait }), true);
    if (wait) this.#clearing = setTimeout(() => this.say(""), wait * 1000);
    this.emit("error", { status, message: this.#message.textContent });
  }

  /** Write the line that screen readers read out; a refusal is seen as well. Never called for a mere load. */
  say(text, seen = false) {
    clearTimeout(this.#clearing);
    this.#message.textContent = text;
    this.#message.classList.toggle("unseen", !seen);
  }

  emit(what, detail) {
    this.dispatchEvent(new CustomEvent(`${this.#kind}-${what}`, { detail, bubbles: true, composed: true }));
  }
}

const connected = new Set();
const tabs = new BroadcastChannel("like-button");
let loadedAt = Date.now();

class LikeButton extends Reaction {
  static observedAttributes = ["entry", "base", "label"];
  #button = this.makeButton("like", HEART, () => this.toggle());
  #expecting = false;
  state = null; // {count, liked}, as far as it is known

  get entry() {
    return this.getAttribute("entry") ?? "";
  }

  get key() {
    return `${this.server.url} ${this.entry}`;
  }

  connectedCallback() {
    this.build(this.#button);
    connected.add(this);
    this.#reset();
  }

  disconnectedCallback() {
    connected.delete(this);
  }

  attributeChangedCallback(name, before, after) {
    if (!this.isConnected || before === after) return;
    if (name === "label") this.show(this.state);
    else this.#reset();
  }

  #reset() {
    this.state = null;
    this.say("");
    // An id that cannot be one would turn the whole page's status call into a 400.
    const possible = /^[\w-]{1,255}$/.test(this.entry);
    if (possible) this.load();
    this.show(null, possible ? "loading" : "missing");
  }

  load() {
    this.#expecting = true;
    this.server.load(this);
  }

  loaded(state, error) {
    if (!this.#expecting) return; // the visitor was quicker, and knows more
    this.#expecting = false;
    if (state) this.show((this.state = state));
    else this.show(this.state, error ? "" : "missing");
  }

  show(state, mode = "") {
    const label = mode === "missing" ? this.text("missing") : this.getAttribute("label") || this.text("like");
    this.#button.draw(label, state?.count, state?.liked ?? false, this.busy || mode !== "");
    if (mode) this.#button.part.add(mode);
  }

  async toggle() {
    this.#expecting = false;
    const { server, entry, key } = this;
    const hoped = this.state && { count: this.state.count + (this.state.liked ? -1 : 1), liked: !this.state.liked };
    const send = async () => {
      const answer = await server.toggle(entry);
      return { entry, count: answer.likes_count, liked: answer.user_has_liked };
    };
    const told = ({ count, liked }) => this.text(liked ? "liked" : "unliked", { n: count.toLocaleString() });
    const error = await this.change(hoped, send, told);
    // Without an answer the vote may have been taken or not.
    if (error) {
      if (!error.status || error.status >= 500) this.load();
      return;
    }
    share({ key, state: this.state });
    tabs.postMessage({ key, state: this.state });
  }

  hear(state) {
    if (this.busy) return;
    this.#expecting = false;
    this.show((this.state = state));
  }
}

/** Let all buttons of one entry show the same, in other tabs too. */
function share({ key, state }) {
  for (const button of connected) if (button.key === key) button.hear(state);
}
tabs.onmessage = ({ data }) => share(data);

function reload() {
  loadedAt = Date.now();
  for (const button of connected) if (!button.busy) button.load();
}
addEventListener("pageshow", (event) => event.persisted && reload());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && Date.now() - loadedAt > STALE_MS) reload();
});

class VoteButtons extends Reaction {
  static observedAttributes = ["target", "type", "upvotes", "downvotes", "vote"];
  #up = this.makeButton("up", ARROWS.up, () => this.cast("up"));
  #down = this.makeButton("down", ARROWS.down, () => this.cast("down"));
  #group = element("span", { part: "group", role: "group" }, this.#up, this.#down);

  connectedCallback() {
    this.build(this.#group);
    this.#group.setAttribute("aria-label", this.getAttribute("label") || this.text("votes"));
    this.#read();
  }

  attributeChangedCallback(name, before, after) {
    if (this.isConnected && before !== after && !this.busy) this.#read();
  }

  /** There is no call that asks for counts: what the page knows stands in its attributes. */
  #read() {
    const number = (name) => (this.hasAttribute(name) ? Number(this.getAttribute(name)) || 0 : null);
    this.state = { up: number("upvotes"), down: number("downvotes"), vote: this.getAttribute("vote") };
    this.show(this.state);
  }

  show({ up, down, vote }) {
    this.#up.draw(this.text("up"), up, vote === "up");
    this.#down.draw(this.text("down"), down, vote === "down");
  }

  cast(voteType) {
    const { server, state } = this;
    const target = { targetId: this.getAttribute("target"), targetType: this.getAttribute("type") || "question" };
    const vote = state.vote === voteType ? null : voteType;
    const hoped = { ...state, vote };
    for (const each of ["up", "down"]) if (state[each] !== null) hoped[each] += (vote === each) - (state.vote === each);
    const send = async () => {
      const answer = await server.call("/api/likes", JSON.stringify({ ...target, voteType }));
      const own = answer.liked ? "up" : answer.downvoted ? "down" : null;
      return { up: answer.upvotes, down: answer.downvotes, vote: own };
    };
    return this.change(hoped, send, (state) => this.text("voted", state));
  }
}

// Two copies of this file on one page, under two names: the first one serves.
if (!customElements.get("like-button")) {
  customElements.define("like-button", LikeButton);
  customElements.define("vote-buttons", VoteButtons);
}
