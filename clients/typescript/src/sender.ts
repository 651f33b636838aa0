import type { Credential } from "./credentials.js";
import { errorOf, LikesError, NoAnswer, ApiError } from "./errors.js";

/** Exponential back-off with jitter, after what passes by itself. */
export interface Retries {
  /** How often a request is sent again at most; 0: never. */
  times: number;
  /** The wait before the first time; each further one is twice as long. */
  firstSeconds: number;
  /** A wait is never longer; where `Retry-After` asks for more, the error is thrown at once. */
  longestSeconds: number;
  /** Returns a number from 0 to 1: clients that failed together do not come back together. */
  jitter: () => number;
}

export interface Options {
  /** Who asks; in a browser, without one, whoever's cookie comes along. */
  credential?: Credential;
  retries?: Partial<Retries>;
  /** For each attempt. The service answers within 3.5 s; imports and exports take as long as they need. */
  timeoutSeconds?: number;
  /** Of `fetch`: `include` where the service is of another origin and takes the visitor's cookie. */
  credentials?: RequestCredentials;
  fetch?: (request: Request) => Promise<Response>;
}

/** One request, how its answer is read, and whether it may be sent again. */
export interface Call<T> {
  method: "GET" | "PUT" | "PATCH" | "POST" | "DELETE";
  path: string;
  read: (text: string, response: Response) => T;
  json?: unknown;
  lines?: string;
  query?: URLSearchParams;
  headers?: Record<string, string>;
  /** Whether sending it again changes nothing; by default its method says so (RFC 9110, section 9.2.2). */
  repeatable?: boolean;
  /** Statuses besides the usual ones after which it is sent again. */
  passing?: number[];
  /** The status that says that an earlier attempt, whose answer was lost, has done it. */
  doneWhenRepeated?: number;
}

const RETRIES: Retries = { times: 5, firstSeconds: 0.25, longestSeconds: 30, jitter: Math.random };

/** Sends calls, again where that is safe and may help. */
export class Sender {
  constructor(
    private readonly baseUrl: string,
    private readonly options: Options = {},
  ) {}

  /** Return a client for another caller. */
  as(credential: Credential | undefined): this {
    const { credential: _, ...others } = this.options;
    const Same = this.constructor as new (baseUrl: string, options: Options) => this;
    return new Same(this.baseUrl, credential === undefined ? others : { ...others, credential });
  }

  protected async send<T>(call: Call<T>): Promise<T> {
    let maybeApplied = false;
    for (let sent = 1; ; sent++) {
      let wait: number | undefined;
      try {
        return await this.attempt(call, maybeApplied);
      } catch (error) {
        if (!(error instanceof LikesError)) throw error;
        maybeApplied ||= error.maybeApplied;
        wait = waitOf(error, call, sent, { ...RETRIES, ...this.options.retries });
        if (wait === undefined) throw error;
      }
      const milliseconds = wait * 1000;
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
    }
  }

  private async attempt<T>(call: Call<T>, maybeApplied: boolean): Promise<T> {
    const request = this.request(call);
    let response: Response, text: string;
    try {
      response = await (this.options.fetch ?? fetch)(request);
      text = await response.text();
    } catch (error) {
      throw new NoAnswer(error);
    }
    if (!response.ok && !(maybeApplied && response.status === call.doneWhenRepeated))
      throw errorOf(response.status, response.headers, text);
    return call.read(text, response);
  }

  private request(call: Call<unknown>): Request {
    const query = call.query?.toString();
    const body = call.lines ?? (call.json === undefined ? undefined : JSON.stringify(call.json));
    return new Request(this.baseUrl.replace(/\/$/, "") + call.path + (query ? `?${query}` : ""), {
      method: call.method,
      headers: {
        ...this.options.credential?.headers(),
        ...(body === undefined ? {} : { "Content-Type": call.lines ? "application/x-ndjson" : "application/json" }),
        ...call.headers,
      },
      credentials: this.options.credentials ?? "same-origin",
      signal: AbortSignal.timeout((this.options.timeoutSeconds ?? 10) * 1000),
      ...(body === undefined ? {} : { body }),
    });
  }
}

/** Return for how many seconds to wait before a call is sent again, `undefined` where it is not. */
export function waitOf(error: LikesError, call: Call<unknown>, sent: number, retries: Retries): number | undefined {
  const repeatable = call.repeatable ?? ["GET", "PUT", "DELETE"].includes(call.method);
  const passing = error.passing || (error instanceof ApiError && (call.passing ?? []).includes(error.status));
  const asked = error.retryAfter ?? 0;
  if (!passing || sent > retries.times || (error.maybeApplied && !repeatable) || asked > retries.longestSeconds)
    return undefined;
  const backoff = retries.firstSeconds * 2 ** (sent - 1);
  return Math.min(retries.longestSeconds, asked + backoff * (0.5 + retries.jitter() / 2));
}

/** Return the path of segments, percent-encoded, a slash too. */
export function path(...segments: string[]): string {
  for (const each of segments)
    if (each === "." || each === "..") throw new TypeError(`fetch cannot send the id ${JSON.stringify(each)} in a URL`);
  return "/" + segments.map(encodeURIComponent).join("/");
}

export const json = (text: string): any => JSON.parse(text);
export const nothing = (): void => undefined;
