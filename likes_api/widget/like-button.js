const HEART = "M12 20.5C5.5 15.6 3 12.4 3 8.9 3 6.2 5.1 4 7.8 4c1.7 0 3.2.9 4.2 2.3C13 4.9 14.5 4 16.2 4 18.9 4 21 6.2 21 8.9c0 3.5-2.5 6.7-9 11.6z";
const STALE_MS = 60_000; // a tab that comes back after longer asks anew
let loadedAt = Date.now();

class LikeButton extends Reaction {
  static observedAttributes = ["entry", "base", "label"];
  #button = this.makeButton("like", HEART, () => this.toggle());
  #mode = "missing"; // or "loading", or "" for a button to press
  state = null; // {count, liked}, as far as it is known

  constructor() {
    super();
    this.build(this.#button);
  }

  /** Name what this shows; null for an id that cannot be one, which would turn the page's status call into a 400. */
  get key() {
    return this.server && /^[\w-]{1,255}$/.test(this.entry) ? `${this.server.url} entry ${this.entry}` : null;
  }

  get target() {
    return this.entry;
  }

  get targetType() {
    return "entry";
  }

  get subject() {
    return { entry: this.entry };
  }

  reset() {
    this.state = null;
    this.#mode = this.key ? "loading" : "missing";
  }

  stateOf({ count, vote }) {
    return { count, liked: vote === 1 };
  }

  /** An entry that may be there can be pressed, though its state could not be read. */
  loaded(there) {
    this.#mode = there ? "" : "missing";
  }

  hear(state) {
    this.#mode = "";
    super.hear(state);
  }

  draw(state) {
    const label = this.#mode === "missing" ? this.text("missing") : this.label || this.text("like");
    this.#button.draw(label, state?.count, state?.liked ?? false, this.busy || this.#mode !== "");
    if (this.#mode) this.#button.part.add(this.#mode);
  }

  toggle() {
    const { server, entry, key } = this;
    const liked = !this.state?.liked;
    const hope = (state) => ({ liked, count: state.count + (liked - state.liked) });
    const send = async () => {
      const answer = await server.toggle(entry);
      return share(key, { count: answer.likes_count, liked: answer.user_has_liked });
    };
    return this.press(hope, send, ({ count, liked }) => this.text(liked ? "liked" : "unliked", { n: count }));
  }
}

function reload() {
  loadedAt = Date.now();
  for (const button of connected) if (!button.busy) button.load();
}
addEventListener("pageshow", (event) => event.persisted && reload());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && Date.now() - loadedAt > STALE_MS) reload();
});
