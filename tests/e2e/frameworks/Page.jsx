import { useState } from "react";

export default function Page({ entries, questions }) {
  const [at, setAt] = useState(0);
  const [items, setItems] = useState(questions);
  const [heard, setHeard] = useState("");
  const count = () => setItems(items.map((item) => ({ ...item, upvotes: item.upvotes + 10 })));
  return (
    <main>
      <button id="next" onClick={() => setAt(at + 1)}>Another entry</button>
      <button id="sort" onClick={() => setItems([...items].reverse())}>Sort</button>
      <button id="count" onClick={count}>Live counter</button>
      <output>{heard}</output>
      <like-button
        entry={entries[at]}
        label="Applaud"
        base={null}
        onlike-change={({ detail }) => setHeard(`${detail.entry}: ${detail.count}`)}
      />
      <ul>
        {items.map(({ id, upvotes, downvotes, vote }) => (
          <li key={id}>
            <vote-buttons target={id} type="question" upvotes={upvotes} downvotes={downvotes} vote={vote} label={`Votes on ${id}`} />
          </li>
        ))}
      </ul>
    </main>
  );
}
