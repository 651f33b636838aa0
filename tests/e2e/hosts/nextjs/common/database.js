import { MongoClient } from "mongodb"

// It connects when it is first used; the database is the one that the URI names.
export const client = new MongoClient(process.env.MONGODB_URI)
export const database = client.db()
