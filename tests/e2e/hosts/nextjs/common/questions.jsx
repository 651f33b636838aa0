import { database } from "./database.js"

const voted = (array, user) => ({ $in: [user, { $ifNull: [array, []] }] })

export async function Questions({ user }) {
  const questions = await database
    .collection("questions")
    .find()
    .project({
      title: 1,
      upvotes: 1,
      downvotes: 1,
      up: voted("$likedBy", user?.id),
      down: voted("$dislikedBy", user?.id),
    })
    .sort({ _id: 1 })
    .toArray()
  return questions.map(({ _id, title, upvotes = 0, downvotes = 0, up, down }) => (
    <article key={_id.toString()}>
      <h2>{title}</h2>
      <p>
        {upvotes} for, {downvotes} against
      </p>
      <vote-buttons
        target={_id.toString()}
        type="question"
        upvotes={upvotes}
        downvotes={downvotes}
        vote={up ? "up" : down ? "down" : null}
      />
    </article>
  ))
}
