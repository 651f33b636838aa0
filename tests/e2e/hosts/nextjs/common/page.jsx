import { Questions } from "./questions.jsx"

export function QuestionsPage({ user }) {
  return (
    <>
      <nav>{user ? <a href="/api/auth/signout">Sign out {user.email}</a> : <a href="/api/auth/signin">Sign in</a>}</nav>
      <main>
        <Questions user={user} />
      </main>
    </>
  )
}
