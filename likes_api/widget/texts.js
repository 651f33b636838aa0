/* <like-button entry="my-entry-id"> and <vote-buttons target="q_123" type="question">.
 * One file, no dependencies. Manual: README.md, "The button on your pages". Why so: docs/decisions/0007. */

// A page may translate them in <script type="application/json" id="like-button-texts">, which no policy forbids.
const TEXTS = {
  like: "Like", liked: "Liked. Likes: {n}.", unliked: "No longer liked. Likes: {n}.", missing: "Not available",
  votes: "Votes", up: "Vote up", down: "Vote down", voted: "Up: {up}, down: {down}.",
  0: "No answer from the server. Please try again.", 401: "Please sign in first.", 403: "Likes are closed here.", "vote-403": "Votes are not taken from this site.",
  404: "This is no longer here.", 419: "Please allow cookies, then reload the page.",
  429: "Too many at once. Please try again in {n} s.", other: "That did not work. Please try again.",
  ...textsOfPage(),
};

/** Return the page's own texts. A fault in them costs their texts, never the buttons. */
function textsOfPage() {
  const source = document.getElementById("like-button-texts");
  if (!source) return {};
  try {
    const given = JSON.parse(source.textContent);
    if (Object.getPrototypeOf(given) !== Object.prototype) throw new TypeError("it is not a JSON object");
    return Object.fromEntries(Object.entries(given).filter(([, text]) => typeof text === "string"));
  } catch (error) {
    console.error(`The texts in #like-button-texts are not used: ${error.message}`);
    return {};
  }
}
