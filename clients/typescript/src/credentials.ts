/** Who asks. In a browser the session cookie comes along by itself, and no credential is needed. */
export interface Credential {
  headers(): Record<string, string>;
}

/** A person's bearer token, or a JSON Web Token of the host's own sign-in. */
export const bearerToken = (token: string): Credential => ({
  headers: () => ({ Authorization: `Bearer ${token}` }),
});

/** A token of the host's own application, `lk_…`, which acts for a user or a person. */
export const serviceToken = (token: string, onBehalfOf?: string): Credential => ({
  headers: () => ({
    Authorization: `Bearer ${token}`,
    ...(onBehalfOf === undefined ? {} : { "Likes-On-Behalf-Of": inUtf8(onBehalfOf) }),
  }),
});

/** A user's session cookie as a browser sends it, `name=value`, for a server that has the visitor's request. */
export const sessionCookie = (cookie: string): Credential => ({ headers: () => ({ Cookie: cookie }) });

/** Return text as `fetch` takes header values: a character for each byte. */
const inUtf8 = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text));
