import type * as Answers from "./answers.js";
import type { Fields, Target } from "./answers.js";
import { ServiceUnavailable } from "./errors.js";
import { Likes } from "./likes.js";
import { json, nothing, path, type Call } from "./sender.js";

// An import is sent in parts: each can be sent again, and its answer is short enough for the buffers on the way.
const PART_LINES = 1_000;
const PART_CHARACTERS = 1 << 20;
const AUDIT_LINES = 100;

/** The client of an administrator: a service token with the scope `admin`. */
export class LikesAdmin extends Likes {
  /** Make a target or replace its fields; its votes stay. */
  putTarget(target: Target, fields: Fields<Answers.Content>): Promise<Answers.Content> {
    return this.send({ method: "PUT", path: targetOf(target), json: fields, read: json });
  }

  /** Change some fields of a target. Not sent again where it may have been applied. */
  patchTarget(target: Target, fields: Fields<Answers.Content>): Promise<Answers.Content> {
    return this.send({ method: "PATCH", path: targetOf(target), json: fields, read: json });
  }

  /** Return a target's fields and counts. */
  getTarget(target: Target): Promise<Answers.Content> {
    return this.send({ method: "GET", path: targetOf(target), read: json });
  }

  /** Delete a target and its votes, a post with its comments; of questions and messages the votes alone. */
  deleteTarget(target: Target): Promise<void> {
    return this.send({ method: "DELETE", path: targetOf(target), read: nothing });
  }

  /** Make a person or replace what is known of one. */
  putPerson(guid: string, fields: Fields<Answers.Person>): Promise<Answers.Person> {
    return this.send({ method: "PUT", path: path("admin", "people", guid), json: fields, read: json });
  }

  /** Return a person. */
  getPerson(guid: string): Promise<Answers.Person> {
    return this.send({ method: "GET", path: path("admin", "people", guid), read: json });
  }

  /** Delete a person with tokens and likes. */
  deletePerson(guid: string): Promise<void> {
    return this.untilDone({ method: "DELETE", path: path("admin", "people", guid), read: doneOf });
  }

  /** Make a user or replace `name`, `email` and `image`. */
  putUser(id: string, fields: Fields<Answers.User>): Promise<Answers.User> {
    return this.send({ method: "PUT", path: path("admin", "users", id), json: fields, read: json });
  }

  /** Return a user. */
  getUser(id: string): Promise<Answers.User> {
    return this.send({ method: "GET", path: path("admin", "users", id), read: json });
  }

  /** Delete a user and the sessions; votes stay. */
  deleteUser(id: string): Promise<void> {
    return this.send({ method: "DELETE", path: path("admin", "users", id), read: nothing });
  }

  /** Sign a user in. Not sent again where it may have been applied. */
  createSession(user: string, { expiresIn }: { expiresIn?: number } = {}): Promise<Answers.Session> {
    return this.send({ method: "POST", path: "/admin/sessions", json: { user, expires_in: expiresIn }, read: json });
  }

  /** Make a person's bearer token. Not sent again where it may have been applied. */
  createToken(person: string, scopes: string[], { expiresIn }: { expiresIn?: number } = {}): Promise<Answers.Token> {
    const body = { person, scopes, expires_in: expiresIn };
    return this.send({ method: "POST", path: "/admin/tokens", json: body, read: json });
  }

  /**
   * Import content, people and users: import lines, as objects or as JSON. They are sent in parts of up to 1,000 lines;
   * a part that was cut off is sent again, which does nothing twice.
   */
  async importLines(lines: Iterable<object | string> | AsyncIterable<object | string>): Promise<Answers.Imported> {
    const total: Answers.Imported = { imported: 0, failed: [] };
    let first = 0;
    for await (const part of partsOf(lines)) {
      const { imported, failed } = await this.send({
        method: "POST",
        path: "/admin/import",
        lines: part.join("\n") + "\n",
        read: importedOf,
        repeatable: true,
      });
      total.imported += imported;
      for (const { line, error } of failed) total.failed.push({ line: first + line, error });
      first += part.length;
    }
    return total;
  }

  /** Return the changes by administrators behind a number, the oldest first. */
  audit({ after = 0 } = {}): AsyncGenerator<Answers.AuditLine> {
    const behind = (after: number): Parameters<typeof this.pages<Answers.AuditLine>>[0] => ({
      method: "GET",
      path: "/admin/audit",
      query: new URLSearchParams({ after: String(after), limit: String(AUDIT_LINES) }),
      read: (text) => {
        const items: Answers.AuditLine[] = json(text).lines;
        return { items, next: items.length < AUDIT_LINES ? undefined : behind(items[items.length - 1]!.id) };
      },
    });
    return this.pages(behind(after));
  }

  /** Return every vote of a voter. */
  exportVoter(id: string): Promise<Answers.VoteOn[]> {
    return this.send({ method: "GET", path: path("admin", "voters", id, "export"), read: linesOf<Answers.VoteOn> });
  }

  /** Take back every vote of a voter. */
  eraseVoter(id: string): Promise<void> {
    return this.untilDone({ method: "DELETE", path: path("admin", "voters", id), read: doneOf });
  }

  /** Make the votes of a voter another's; where both voted, the other's stands. */
  mergeVoter(id: string, into: string): Promise<void> {
    const call = { path: path("admin", "voters", id, "merge"), json: { into }, read: doneOf, repeatable: true };
    return this.untilDone({ method: "POST", ...call });
  }

  /** Send a call until nothing is left to do. */
  private async untilDone(call: Call<boolean>): Promise<void> {
    while (!(await this.send(call)));
  }
}

const targetOf = ({ type, id }: Target): string => path("admin", "targets", type, id);

/** Whether nothing is left: 202 is an answer of a request whose time was over before. */
const doneOf = (_: string, { status }: Response): boolean => status !== 202;

const linesOf = <T>(text: string): T[] => text.split("\n").filter(Boolean).map(json);

function importedOf(text: string, { headers }: Response): Answers.Imported {
  const failed = linesOf<Answers.BadLine & { imported?: number }>(text);
  const last = failed.pop();
  if (last?.imported === undefined)
    throw new ServiceUnavailable(503, last?.error ?? "the answer is not whole", "service_unavailable", headers);
  return { imported: last.imported, failed };
}

async function* partsOf(lines: Iterable<object | string> | AsyncIterable<object | string>): AsyncGenerator<string[]> {
  let part: string[] = [];
  let size = 0;
  for await (const given of lines) {
    const line = typeof given === "string" ? given : JSON.stringify(given);
    if (part.length > 0 && (part.length === PART_LINES || size + line.length > PART_CHARACTERS)) {
      yield part;
      part = [];
      size = 0;
    }
    part.push(line);
    size += line.length + 1;
  }
  if (part.length > 0) yield part;
}
