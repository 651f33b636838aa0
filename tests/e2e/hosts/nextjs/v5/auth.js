import { MongoDBAdapter } from "@auth/mongodb-adapter"
import NextAuth from "next-auth"
import Credentials from "next-auth/providers/credentials"
import { client } from "../common/database.js"
import { authorize, callbacks, sendVerificationRequest } from "../common/sign-in.js"

const jwt = {
  session: { strategy: "jwt" },
  providers: [Credentials({ credentials: { email: {}, password: { type: "password" } }, authorize })],
  callbacks,
}
const database = {
  session: { strategy: "database" },
  adapter: MongoDBAdapter(client),
  providers: [{ id: "email", name: "e-mail", type: "email", maxAge: 3600, sendVerificationRequest }],
  callbacks,
}

export const { auth, handlers } = NextAuth(process.env.SESSION_STRATEGY === "database" ? database : jwt)
