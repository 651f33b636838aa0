const element = (name, attributes, ...children) => {
  const svg = name === "svg" || name === "path";
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

const connected = new Set();
const tabs = new BroadcastChannel("like-button");

/** Let all buttons of one target show the same. */
function hear({ key, state }) {
  for (const button of connected) if (button.key === key) button.hear(state);
}
tabs.onmessage = ({ data }) => hear(data);

/** What the server said is for the other buttons of this target too, in other tabs as well. */
function share(key, state) {
  hear({ key, state });
  tabs.postMessage({ key, state });
  return state;
}

// Numbers are written as the page's language has it.
new MutationObserver(() => connected.forEach((button) => button.show())).observe(document, {
  attributeFilter: ["lang"],
  subtree: true,
});

/** What both elements share: buttons with a count, one line that is read out, one press at a time. */
class Reaction extends HTMLElement {
  #message = element("span", { part: "message", role: "status", class: "unseen" });
  #clearing;
  #key; // of what this shows
  #press = null; // the one whose answer is awaited
  #asked = null; // the last request for the state, while its answer is of use
  state; // what the server, or else the page, said last

  constructor() {
    super();
    this.attachShadow({ mode: "open", delegatesFocus: true }).adoptedStyleSheets = [STYLE];
  }

  /** Define the element, with a property for each attribute: frameworks set properties where there are any. */
  static define(name) {
    for (const attribute of this.observedAttributes) {
      const count = attribute.endsWith("votes");
      Object.defineProperty(this.prototype, attribute, {
        get() {
          return count ? readCount(this.getAttribute(attribute)) : (this.getAttribute(attribute) ?? "");
        },
        set(value) {
          if (value === null || value === undefined || value === false) this.removeAttribute(attribute);
          else this.setAttribute(attribute, value);
        },
        configurable: true,
        enumerable: true,
      });
    }
    customElements.define(name, this);
  }

  get #kind() {
    return this.localName.split("-")[0];
  }

  get busy() {
    return this.#press !== null;
  }

  get server() {
    return Server.at(this.base);
  }

  text(key, values = {}) {
    const text = TEXTS[`${this.#kind}-${key}`] ?? TEXTS[key] ?? TEXTS.other;
    return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? formatCount(values[name], this).full : all));
  }

  build(...children) {
    this.shadowRoot.append(...children, this.#message);
  }

  /** Make attributes of the properties that a script set before the upgrade: on the instance, they hide the accessors. */
  #adopt() {
    for (const name of this.constructor.observedAttributes) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete this[name];
      this[name] = value;
    }
  }

  connectedCallback() {
    this.#adopt();
    if (!connected.has(this)) this.load();
    connected.add(this);
    this.show();
  }

  /** A button that moves in the page is connected again at once, and misses nothing. */
  disconnectedCallback() {
    queueMicrotask(() => this.isConnected || connected.delete(this));
  }

  /** Follow the page: another target starts anew; of the same one, only what the page wrote changes. */
  attributeChangedCallback(name, before, after) {
    if (before === after) return;
    this.#adopt();
    if (this.key !== this.#key) {
      this.#key = this.key;
      this.#press = this.#asked = null;
      this.say("");
      this.reset();
      if (connected.has(this)) this.load();
    } else {
      this.read?.(name);
    }
    this.show();
  }

  /** A real button; not `disabled` while busy, which would take the keyboard's focus away. */
  makeButton(part, path, onPress) {
    const icon = element("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", part: "icon" }, element("path", { d: path }));
    const label = element("span", { part: "label", class: "unseen" });
    const count = element("span", { part: "count" });
    const button = element("button", { type: "button", "aria-pressed": "false" }, icon, label, " ", count);
    button.addEventListener("click", ({ detail }) => {
      // The second click of a double click belongs to the same press.
      if (detail < 2 && button.getAttribute("aria-disabled") !== "true") onPress();
    });
    // Enter clicks on and on while it is held; Space clicks once, when it is let go.
    button.addEventListener("keydown", (event) => event.repeat && event.key === "Enter" && event.preventDefault());
    const draw = (text, number, pressed, disabled = this.busy) => {
      const { short, full } = formatCount(number, this);
      const compact = short !== full;
      label.textContent = compact ? `${text} ${full}` : text;
      count.textContent = short;
      count.title = compact ? full : "";
      count.ariaHidden = compact ? "true" : null;
      button.classList.toggle("pressed-now", this.busy && pressed);
      button.setAttribute("aria-pressed", pressed);
      button.setAttribute("aria-disabled", disabled);
      button.setAttribute("part", `button ${part}${pressed ? " pressed" : ""}`);
    };
    return Object.assign(button, { draw });
  }

  show() {
    this.draw(this.#press && this.state ? this.#press.hope(this.state) : this.state);
  }

  hear(state) {
    this.#asked = null;
    this.state = state;
    this.show();
  }

  /** Ask for the state. Whoever presses, or tells of another one meanwhile, knows better than the answer. */
  async load() {
    if (!this.key) return;
    const asked = (this.#asked = {});
    let answer, failed;
    try {
      answer = await this.server.status(this.targetType, this.target);
    } catch {
      failed = true;
    }
    if (this.#asked !== asked) return;
    if (answer) this.state = this.stateOf(answer);
    this.loaded?.(Boolean(answer || failed));
    this.show();
  }

  /** Show what is hoped for, send, then show what the server says; where it refuses, what was.
   * An answer that comes when the page shows another target here is not for this element any more. */
  async press(hope, send, told) {
    const press = (this.#press = { hope });
    this.#asked = null;
    this.say("");
    this.show();
    let state, refusal;
    try {
      state = await send();
    } catch (error) {
      refusal = error;
    }
    if (this.#press !== press) return;
    this.#press = null;
    if (refusal) {
      this.refuse(refusal);
      this.load();
    } else {
      this.state = state;
      this.say(told(state));
      this.emit("change", { ...this.subject, ...state });
    }
    this.show();
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
