const BATCH_MS = 10; // buttons that appear within this time share one status call
const BATCH_TARGETS = 100; // the most that one call for counts takes
const BATCH_CHARACTERS = 6000; // keeps its URL below the 8 kB that servers take
const COUNTED = new Set(["entry", "question", "message"]);
const TYPES = new Set([...COUNTED, "post", "comment"]);
const TIMEOUT_MS = 10_000; // the server answers within 3.5 s, or not at all

/** An HTTP status, 0 where there was no answer; the seconds after which to try again, if told. */
class Refused extends Error {
  constructor(status, wait = 0) {
    super(`refused: ${status}`);
    Object.assign(this, { status, wait });
  }
}

/** The server behind one base URL: every call that the buttons make, and its CSRF token. */
class Server {
  static #all = new Map();
  #asked = new Map();
  #timer;
  #token;
  #fetching;

  /** Return the server at `base`; null where that is no URL. */
  static at(base) {
    if (!URL.canParse(base || "/", document.baseURI)) return null;
    const url = new URL(base || "/", document.baseURI).href.replace(/\/+$/, "");
    if (!Server.#all.has(url)) Server.#all.set(url, new Server(url));
    return Server.#all.get(url);
  }

  constructor(url) {
    this.url = url;
    this.foreign = new URL(url).origin !== location.origin;
  }

  async #call(path, body, headers, method = "POST") {
    const init = { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) };
    init.credentials = this.foreign ? "include" : "same-origin";
    if (body) Object.assign(init, { method, headers: { "Content-Type": "application/json", ...headers }, body });
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
    const send = (token) => this.#call(`/!/simple-likes/${entry}/toggle`, "{}", { "X-CSRF-TOKEN": token });
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
    this.#fetching ??= this.#call("/!/simple-likes/csrf-token")
      .then((answer) => (this.#token = answer.csrf_token))
      .finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  /** Set a vote, 1, 0 or -1: sent again after an answer that got lost, it changes nothing. */
  setVote(type, target, value) {
    const path = `/api/targets/${encodeURIComponent(type)}/${encodeURIComponent(target)}/vote`;
    return this.#call(path, JSON.stringify({ value }), {}, "PUT");
  }

  /** Return a target's counts and the visitor's vote, null where there is no such target.
   * One call asks for all targets, of whatever type, that are asked for now. */
  status(type, id) {
    if (!TYPES.has(type)) return Promise.resolve(null);
    const name = nameOf({ type, id });
    if (!this.#asked.has(name)) this.#asked.set(name, { type, id, ...Promise.withResolvers() });
    this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS);
    return this.#asked.get(name).promise;
  }

  #flush() {
    const asked = [...this.#asked.values()];
    this.#asked = new Map();
    this.#timer = undefined;
    let batch = [];
    for (const each of asked) {
      if (batch.length === BATCH_TARGETS || queryOf([...batch, each]).length > BATCH_CHARACTERS) {
        this.#ask(batch);
        batch = [];
      }
      batch.push(each);
    }
    this.#ask(batch);
  }

  async #ask(batch) {
    try {
      const found = await this.#states(batch);
      for (const each of batch) each.resolve(found.get(nameOf(each)) ?? null);
    } catch (error) {
      for (const each of batch) each.reject(error);
    }
  }

  /** Ask as the visitor; where the session is over, for the counts alone, which are anybody's. */
  async #states(batch) {
    try {
      const targets = batch.map(({ type, id }) => ({ type, id }));
      const answer = await this.#call("/api/votes/status", JSON.stringify({ targets }));
      return new Map(answer.targets.map((each) => [nameOf(each), each]));
    } catch (error) {
      const counted = batch.filter(({ type }) => COUNTED.has(type));
      if (error.status !== 401 || !counted.length) throw error;
      const answer = await this.#call(`/api/counts?${queryOf(counted)}`);
      return new Map(Object.entries(answer.targets).map(([name, counts]) => [name, { ...counts, vote: 0 }]));
    }
  }
}

/** Name a target as the counts do. */
function nameOf({ type, id }) {
  return `${type}:${id}`;
}

function queryOf(targets) {
  return new URLSearchParams(targets.map((each) => ["target", nameOf(each)])).toString();
}
