"""A page with an article and a question, the same for every visitor, so that a cache may keep it for a minute."""

import json
import os
from collections.abc import Callable, Iterable
from string import Template
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

TARGETS = ["entry:posts-hello", "question:q_1"]
PAGE = Template("""\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Hello</title>
    <link rel="icon" href="data:,">
    <script type="module" src="/widget/like-button.js"></script>
  </head>
  <body>
    <h1>Hello</h1>
    <p id="likes">$likes likes when this page was made</p>
    <like-button entry="posts-hello"></like-button>
    <h2>To be, or not to be?</h2>
    <vote-buttons target="q_1" type="question" upvotes="$upvotes" downvotes="$downvotes"></vote-buttons>
  </body>
</html>
""")


def read_counts() -> dict[str, Any]:
    query = urlencode([("target", each) for each in TARGETS])
    with urlopen(f"{os.environ['LIKES_API_URL']}/api/counts?{query}", timeout=4) as answer:
        counts: dict[str, Any] = json.load(answer)["targets"]
    return counts


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    counts = read_counts()
    question = counts["question:q_1"]
    html = PAGE.substitute(
        likes=counts["entry:posts-hello"]["count"], upvotes=question["upvotes"], downvotes=question["downvotes"]
    )
    start_response(
        "200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "public, max-age=0, s-maxage=60")]
    )
    return [html.encode()]
