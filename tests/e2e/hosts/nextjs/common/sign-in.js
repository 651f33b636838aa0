import { database } from "./database.js"

// For the Credentials provider. `id` becomes the claim `sub`, by which likes-api knows the voter.
export async function authorize({ email, password }) {
  if (password !== process.env.EVERYBODYS_PASSWORD) return null // your own check of the password
  const user = await database.collection("users").findOne({ email })
  return user && { id: user._id.toString(), name: user.name, email }
}

// For a provider of the type "email": the mail with the link. A mailer of the host empties the outbox.
export async function sendVerificationRequest({ identifier, url }) {
  await database.collection("outbox").insertOne({ to: identifier, url })
}

// Neither version has the user's id in a session by default. A JWT brings `token`, a database session `user`.
export const callbacks = {
  session: ({ session, token, user }) => ({
    expires: session.expires,
    user: { id: token?.sub ?? user.id, name: session.user.name, email: session.user.email },
  }),
}
