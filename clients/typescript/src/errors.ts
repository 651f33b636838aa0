/** The request was not answered as it should be. */
export abstract class LikesError extends Error {
  /** Whether what was asked for may have been done all the same. */
  abstract readonly maybeApplied: boolean;
  /** Whether the same request may be answered otherwise later. */
  abstract readonly passing: boolean;
  /** For how many seconds the server asks to wait, if it does. */
  readonly retryAfter: number | undefined = undefined;
}

/** Of Node's `fetch`: no connection was made, so nothing was sent. A browser does not say. */
const NEVER_SENT = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** No answer came: no connection, one that was cut, or no answer in time. */
export class NoAnswer extends LikesError {
  override readonly name = "NoAnswer";
  readonly maybeApplied: boolean;
  readonly passing = true;

  constructor(cause: unknown) {
    super(`no answer: ${cause}`, { cause });
    const { code } = ((cause as { cause?: unknown }).cause ?? {}) as { code?: string };
    this.maybeApplied = !NEVER_SENT.has(code ?? "");
  }
}

/** The service refused, or failed. */
export class ApiError extends LikesError {
  override readonly name: string = "ApiError";
  readonly maybeApplied: boolean;
  readonly passing: boolean;
  override readonly retryAfter: number | undefined;
  readonly requestId: string | undefined;

  constructor(
    readonly status: number,
    message: string,
    /** A word for programs: the service's own where it has one (`insufficient_scope`), else the status's. */
    readonly code: string,
    headers: Headers,
  ) {
    super(message);
    this.maybeApplied = status >= 500;
    this.passing = [429, 502, 503, 504].includes(status);
    this.retryAfter = secondsOf(headers.get("Retry-After"));
    this.requestId = headers.get("X-Request-ID") ?? undefined;
  }
}

export class BadRequest extends ApiError {
  override readonly name = "BadRequest";
}
export class Unauthorized extends ApiError {
  override readonly name = "Unauthorized";
}
export class Forbidden extends ApiError {
  override readonly name = "Forbidden";
}
export class NotFound extends ApiError {
  override readonly name = "NotFound";
}
export class Conflict extends ApiError {
  override readonly name = "Conflict";
}
export class Gone extends ApiError {
  override readonly name = "Gone";
}
export class TooLarge extends ApiError {
  override readonly name = "TooLarge";
}
export class Unprocessable extends ApiError {
  override readonly name = "Unprocessable";
}
export class TooManyRequests extends ApiError {
  override readonly name = "TooManyRequests";
}
export class ServerFailed extends ApiError {
  override readonly name: string = "ServerFailed";
}
export class ServiceUnavailable extends ServerFailed {
  override readonly name = "ServiceUnavailable";
}

const CLASSES: Record<number, [typeof ApiError, string]> = {
  400: [BadRequest, "bad_request"],
  401: [Unauthorized, "unauthorized"],
  403: [Forbidden, "forbidden"],
  404: [NotFound, "not_found"],
  409: [Conflict, "conflict"],
  410: [Gone, "gone"],
  413: [TooLarge, "too_large"],
  422: [Unprocessable, "unprocessable"],
  429: [TooManyRequests, "too_many_requests"],
  503: [ServiceUnavailable, "service_unavailable"],
};

/** Return the error that an answer is, in whichever contract's form, or in none (a proxy's page). */
export function errorOf(status: number, headers: Headers, text: string): ApiError {
  const body = objectOf(text);
  const said = String(body["error"] || body["message"] || `status ${status}`);
  const [Class, word] =
    CLASSES[status] ?? (status >= 500 ? ([ServerFailed, "server_failed"] as const) : ([ApiError, "refused"] as const));
  const code = /^[a-z]+(_[a-z]+)+$/.test(said) ? said : word;
  return new Class(status, String(body["error_description"] || said), code, headers);
}

/** Return the seconds that a `Retry-After` names, as a number or as a date (RFC 9110, section 10.2.3). */
export function secondsOf(retryAfter: string | null): number | undefined {
  if (retryAfter === null) return undefined;
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter);
  // Date.parse takes much more than dates of HTTP.
  const until = /^[A-Z][a-z]+, .* GMT$/.test(retryAfter) ? Date.parse(retryAfter) : NaN;
  return Number.isNaN(until) ? undefined : Math.max(0, (until - Date.now()) / 1000);
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
