const ARROWS = { up: "M12 4 21 14h-5.5v6h-7v-6H3z", down: "M12 20 3 10h5.5V4h7v6H21z" };
const VALUES = { up: 1, down: -1 };

class VoteButtons extends Reaction {
  static observedAttributes = ["target", "type", "upvotes", "downvotes", "vote", "base", "label"];
  #up = this.makeButton("up", ARROWS.up, () => this.cast("up"));
  #down = this.makeButton("down", ARROWS.down, () => this.cast("down"));
  #group = element("span", { part: "group", role: "group" }, this.#up, this.#down);
  state = { up: null, down: null, vote: null };

  constructor() {
    super();
    this.build(this.#group);
  }

  get key() {
    return this.server && this.target ? `${this.server.url} ${this.targetType} ${this.target}` : null;
  }

  get targetType() {
    return this.type || "question";
  }

  get subject() {
    return { target: this.target, type: this.targetType };
  }

  reset() {
    this.state = { up: this.upvotes, down: this.downvotes, vote: this.vote || null };
  }

  /** A page that writes one count (a live counter) says nothing about the other, nor about the visitor's vote. */
  read(name) {
    if (name === "upvotes") this.state = { ...this.state, up: this.upvotes };
    if (name === "downvotes") this.state = { ...this.state, down: this.downvotes };
    if (name === "vote") this.state = { ...this.state, vote: this.vote || null };
  }

  stateOf({ upvotes: up, downvotes: down, vote }) {
    return { up, down, vote: Object.keys(VALUES).find((each) => VALUES[each] === vote) ?? null };
  }

  draw({ up, down, vote }) {
    const missing = !this.key;
    const label = (key) => this.text(missing ? "missing" : key);
    this.#group.setAttribute("aria-label", this.label || this.text("votes"));
    this.#up.draw(label("up"), up, vote === "up", this.busy || missing);
    this.#down.draw(label("down"), down, vote === "down", this.busy || missing);
    if (missing) for (const button of [this.#up, this.#down]) button.part.add("missing");
  }

  cast(voteType) {
    const { server, target, targetType, key } = this;
    const vote = this.state.vote === voteType ? null : voteType;
    const moved = (count, each, before) => (count === null ? null : count + (vote === each) - (before === each));
    const hope = ({ up, down, vote: before }) => ({ up: moved(up, "up", before), down: moved(down, "down", before), vote });
    const send = async () => {
      return share(key, this.stateOf(await server.setVote(targetType, target, VALUES[vote] ?? 0)));
    };
    return this.press(hope, send, (state) => this.text("voted", state));
  }
}

// Two copies of this file on one page, under two names: the first one serves.
if (!customElements.get("like-button")) {
  LikeButton.define("like-button");
  VoteButtons.define("vote-buttons");
}
