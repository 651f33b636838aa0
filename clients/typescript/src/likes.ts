import type * as Answers from "./answers.js";
import type { Direction, Target, TargetType, Value } from "./answers.js";
import { json, nothing, path, Sender, type Call } from "./sender.js";

interface Page<T> {
  items: T[];
  next: Call<Page<T>> | undefined;
}

/** The client: the host API, Q&A votes and diaspora* likes. Every method throws a `LikesError`. */
export class Likes extends Sender {
  /** Set the caller's vote: 1, 0 (none) or -1, which only questions and messages take. */
  setVote(target: Target, value: Value): Promise<Answers.ChangedVote> {
    return this.send({ method: "PUT", path: voteOf(target), json: { value }, read: json });
  }

  /** Take back the caller's vote. */
  clearVote(target: Target): Promise<Answers.ChangedVote> {
    return this.send({ method: "DELETE", path: voteOf(target), read: json });
  }

  /** Return a target's counts and the caller's own vote. */
  getVote(target: Target): Promise<Answers.Vote> {
    return this.send({ method: "GET", path: voteOf(target), read: json });
  }

  /** Return the state of a page's targets, 1 to 200; what is missing or not visible is left out. */
  status(targets: Iterable<Target>): Promise<Answers.TargetStatus[]> {
    const asked = { targets: Array.from(targets, ({ type, id }) => ({ type, id })) };
    const read = (text: string) => json(text).targets;
    return this.send({ method: "POST", path: "/api/votes/status", json: asked, read, repeatable: true });
  }

  /** Return the counts of entries, questions and messages, 1 to 100, by `type:id`; caches may keep them for seconds. */
  counts(targets: Iterable<Target>): Promise<Record<string, Answers.Counts>> {
    const query = new URLSearchParams(Array.from(targets, ({ type, id }) => ["target", `${type}:${id}`]));
    return this.send({ method: "GET", path: "/api/counts", query, read: (text) => json(text).targets });
  }

  /** Return who voted, in the order of ids; guests are left out. */
  voters(target: Target, vote: Direction = "up", { limit = 50 } = {}): AsyncGenerator<Answers.Voter> {
    return this.cursored((cursor) => votersCall(target, vote, limit, cursor), ({ voters }) => voters);
  }

  /** Return one page of those who voted, with the numbers of guests and of all. */
  votersPage(
    target: Target,
    vote: Direction = "up",
    { limit = 50, cursor }: { limit?: number; cursor?: string } = {},
  ): Promise<Answers.VotersPage> {
    return this.send(votersCall(target, vote, limit, cursor));
  }

  /** Return what the caller voted on, ordered by type and id. */
  myVotes(filter: { type?: TargetType; vote?: Direction; limit?: number } = {}): AsyncGenerator<Answers.VoteOn> {
    return this.cursored((cursor) => votesCall({ ...filter, cursor }), ({ votes }) => votes);
  }

  /** Return one page of what the caller voted on. */
  myVotesPage(
    filter: { type?: TargetType; vote?: Direction; limit?: number; cursor?: string } = {},
  ): Promise<Answers.VotesPage> {
    return this.send(votesCall(filter));
  }

  /** Return who the caller is. */
  me(): Promise<Answers.Me> {
    return this.send({ method: "GET", path: "/api/me", read: json });
  }

  /** Vote on a question or a message as contract 1 has it: the same again takes the vote back. */
  toggleVote(target: Target, vote: Direction = "up", idempotencyKey = newKey()): Promise<Answers.ToggledVote> {
    return this.send({
      method: "POST",
      path: "/api/likes",
      json: { targetId: target.id, targetType: target.type, voteType: vote },
      headers: { "Idempotency-Key": idempotencyKey },
      read: json,
      repeatable: true,
      // 409: the attempt before is still under way; 500: contract 1's answer where the database fails.
      passing: [409, 500],
    });
  }

  /** Like a post, or a comment on it. Not sent again where it may have been applied: there is no key for it. */
  like(post: string, comment?: string): Promise<void> {
    return this.send({ method: "POST", path: likesOf(post, comment), read: nothing });
  }

  /** Take the like of a post, or of a comment on it, back. */
  unlike(post: string, comment?: string): Promise<void> {
    return this.send({ method: "DELETE", path: likesOf(post, comment), read: nothing, doneWhenRepeated: 410 });
  }

  /** Return the likes of a post, or of a comment on it: one's own first, then the oldest. */
  likes(post: string, comment?: string, { perPage = 100 } = {}): AsyncGenerator<Answers.Like> {
    return this.pages(likesCall(likesOf(post, comment), new URLSearchParams({ per_page: String(perPage) })));
  }

  protected async *pages<T>(first: Call<Page<T>>): AsyncGenerator<T> {
    for (let call: Call<Page<T>> | undefined = first; call; ) {
      const page: Page<T> = await this.send(call);
      yield* page.items;
      call = page.next;
    }
  }

  private cursored<P extends { next: string | null }, T>(
    callAt: (cursor?: string) => Call<P>,
    items: (page: P) => T[],
  ): AsyncGenerator<T> {
    const at = (cursor?: string): Call<Page<T>> => ({
      ...callAt(cursor),
      read: (text) => {
        const page: P = json(text);
        return { items: items(page), next: page.next === null ? undefined : at(page.next) };
      },
    });
    return this.pages(at());
  }
}

const voteOf = ({ type, id }: Target): string => path("api", "targets", type, id, "vote");

const likesOf = (post: string, comment?: string): string =>
  path("api", "v1", "posts", post, ...(comment === undefined ? [] : ["comments", comment]), "likes");

const votersCall = (target: Target, vote: Direction, limit: number, cursor?: string): Call<Answers.VotersPage> => ({
  method: "GET",
  path: path("api", "targets", target.type, target.id, "voters"),
  query: queryOf({ vote, limit, cursor }),
  read: json,
});

const votesCall = (filter: Record<string, string | number | undefined>): Call<Answers.VotesPage> => ({
  method: "GET",
  path: "/api/me/votes",
  query: queryOf(filter),
  read: json,
});

const likesCall = (path: string, query: URLSearchParams): Call<Page<Answers.Like>> => ({
  method: "GET",
  path,
  query,
  read: (text, response) => {
    // The link's query alone: a link of a service that is told a wrong host would take the token elsewhere.
    const next = /<[^>]*\?([^>]*)>; rel="next"/.exec(response.headers.get("Link") ?? "")?.[1];
    return { items: json(text), next: next === undefined ? undefined : likesCall(path, new URLSearchParams(next)) };
  },
});

const queryOf = (given: Record<string, string | number | undefined>): URLSearchParams =>
  new URLSearchParams(Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, `${value}`]])));

/** Return a key that nobody else makes; `crypto.randomUUID` is missing on pages without https. */
const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
