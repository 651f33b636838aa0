/** A client of the Likes API, for Node 20 and browsers. */
export { LikesAdmin } from "./admin.js";
export type * from "./answers.js";
export { bearerToken, serviceToken, sessionCookie, type Credential } from "./credentials.js";
export {
  ApiError,
  BadRequest,
  Conflict,
  Forbidden,
  Gone,
  LikesError,
  NoAnswer,
  NotFound,
  ServerFailed,
  ServiceUnavailable,
  TooLarge,
  TooManyRequests,
  Unauthorized,
  Unprocessable,
} from "./errors.js";
export { Likes } from "./likes.js";
export type { Options, Retries } from "./sender.js";
