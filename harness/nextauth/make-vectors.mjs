// Writes vectors.json: session cookies made by the real next-auth packages. See README.md.
import { createRequire } from "node:module"
import { readFileSync, realpathSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(import.meta.url)
const modules = join(here, "node_modules")

// SessionStore, which splits long cookies, is not in the packages' `exports`: load it by its path.
const core = (host) => {
  const nested = join(modules, host, "node_modules", "@auth", "core")
  try {
    return realpathSync(nested)
  } catch {
    return join(modules, "@auth", "core")
  }
}
const load = (path) => import(pathToFileURL(path).href)
const version = (path) => JSON.parse(readFileSync(join(path, "package.json"), "utf8")).version

const v4 = require("next-auth-4/jwt")
const { SessionStore: StoreV4 } = require(join(modules, "next-auth-4", "core", "lib", "cookie.js"))
const v5 = await load(join(core("next-auth-5"), "jwt.js"))
const { SessionStore: StoreV5 } = await load(join(core("next-auth-5"), "lib", "utils", "cookie.js"))
const early = await load(join(core("next-auth-5-early"), "jwt.js"))

const CENTURY = 100 * 365 * 24 * 60 * 60
const SECRET = "a-secret-made-up-for-tests-0123456789"
const ROTATED = ["the-new-secret-made-up-for-tests-98765", SECRET]
const UMLAUT = "Schlüssel, übergroß; 鍵"
const PROFILE = { name: "Ada", email: "ada@example.org", picture: "https://example.org/ada.png" }
const ID = "64b7f0c2a1b2c3d4e5f60718"
const UUID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
const silent = { debug() {} }

function split(Store, name, value) {
  const store = new Store({ name, options: {} }, { cookies: {} }, silent)
  return Object.fromEntries(store.chunk(value, {}).map((cookie) => [cookie.name, cookie.value]))
}

/** One vector: how it was made, the cookies a browser would send, and the user expected (null: refused). */
async function vector(name, made, { user, expired = false }) {
  const { by, cookie, secret = SECRET, token } = made
  const maxAge = expired ? -3600 : CENTURY
  const salt = cookie // what @auth/core passes; v4 is called as next-auth calls it, without a salt
  const value =
    by === "v4"
      ? await v4.encode({ token, secret, maxAge })
      : await (by === "v5" ? v5 : early).encode({ token, secret, maxAge, salt })
  const Store = by === "v4" ? StoreV4 : StoreV5
  const secrets = Array.isArray(secret) ? secret : [secret]
  return { name, by, cookie, secrets, user, expired, cookies: split(Store, cookie, value) }
}

const V4 = "next-auth.session-token"
const V5 = "authjs.session-token"
const SECURE = "__Secure-"
const both = { ...PROFILE, sub: UUID, id: ID }
const sub = { ...PROFILE, sub: UUID }
const big = (characters) => ({ ...sub, groups: "g".repeat(characters) })

const vectors = [
  await vector("v4 with id and sub", { by: "v4", cookie: V4, token: both }, { user: ID }),
  await vector("v4 with sub only", { by: "v4", cookie: V4, token: sub }, { user: UUID }),
  await vector("v4 on https", { by: "v4", cookie: SECURE + V4, token: sub }, { user: UUID }),
  await vector("v4 in two chunks", { by: "v4", cookie: V4, token: big(4000) }, { user: UUID }),
  await vector("v4 without a user", { by: "v4", cookie: V4, token: PROFILE }, { user: null }),
  await vector("v4 expired", { by: "v4", cookie: V4, token: sub }, { user: null, expired: true }),
  await vector("v4 with a custom name", { by: "v4", cookie: "sid", token: sub }, { user: UUID }),
  await vector("v4 with a non-ASCII secret", { by: "v4", cookie: V4, secret: UMLAUT, token: sub }, { user: UUID }),
  await vector("v5 with id and sub", { by: "v5", cookie: V5, token: both }, { user: ID }),
  await vector("v5 with sub only", { by: "v5", cookie: V5, token: sub }, { user: UUID }),
  await vector("v5 on https", { by: "v5", cookie: SECURE + V5, token: sub }, { user: UUID }),
  await vector("v5 in two chunks", { by: "v5", cookie: V5, token: big(4000) }, { user: UUID }),
  await vector("v5 in three chunks on https", { by: "v5", cookie: SECURE + V5, token: big(7000) }, { user: UUID }),
  await vector("v5 under the older secret", { by: "v5", cookie: V5, secret: ROTATED[1], token: sub }, { user: UUID }),
  await vector("v5 under the newer of two secrets", { by: "v5", cookie: V5, secret: ROTATED, token: sub }, { user: UUID }),
  await vector("v5 without a user", { by: "v5", cookie: V5, token: PROFILE }, { user: null }),
  await vector("v5 expired", { by: "v5", cookie: V5, token: sub }, { user: null, expired: true }),
  await vector("v5 with a custom name", { by: "v5", cookie: "__Host-sid", token: sub }, { user: UUID }),
  await vector("v5 with a non-ASCII secret", { by: "v5", cookie: V5, secret: UMLAUT, token: sub }, { user: UUID }),
  await vector("early v5 with sub only", { by: "early", cookie: V5, token: sub }, { user: UUID }),
  await vector("early v5 on https", { by: "early", cookie: SECURE + V5, token: both }, { user: ID }),
  await vector("early v5 expired", { by: "early", cookie: V5, token: sub }, { user: null, expired: true }),
]

const packages = {
  "next-auth v4": version(join(modules, "next-auth-4")),
  "next-auth v5": version(join(modules, "next-auth-5")),
  "next-auth early v5": version(join(modules, "next-auth-5-early")),
  "@auth/core": version(core("next-auth-5")),
  "@auth/core early": version(core("next-auth-5-early")),
}
writeFileSync(join(here, "vectors.json"), JSON.stringify({ packages, vectors }, null, 2) + "\n")
