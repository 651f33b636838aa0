import { MongoDBAdapter } from "@auth/mongodb-adapter"
import { getServerSession } from "next-auth"
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

// docs: v4
export const options = process.env.SESSION_STRATEGY === "database" ? database : jwt
export const auth = () => getServerSession(options)
// docs: end
