import { auth } from "../auth.js"
import { QuestionsPage } from "../../common/page.jsx"

export default async function Page() {
  const session = await auth()
  return <QuestionsPage user={session?.user} />
}
