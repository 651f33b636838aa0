"""Like, unlike and list the likes of a post, as a client of diaspora*'s API does.

The pod's URL and an access token are in the environment, as DIASPORA_POD and DIASPORA_TOKEN.
"""

import argparse
import os
from collections.abc import Iterator
from typing import Any

import requests


class Likes:
    """The likes of one post; ``per_page`` is 100 at most."""

    def __init__(self, pod: str, token: str, post: str, per_page: int = 100) -> None:
        self._url = f"{pod}/api/v1/posts/{post}/likes"
        self._per_page = per_page
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def like(self) -> bool:
        """Return whether the like is new: 409 is what a like that is sent again gets."""
        return self._send("POST", self._url, conflict=409).status_code == 204

    def unlike(self) -> bool:
        """Return whether there was a like."""
        return self._send("DELETE", self._url, conflict=410).status_code == 204

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the likes, page by page: one's own first, then the oldest."""
        url = f"{self._url}?per_page={self._per_page}"
        while url:
            answer = self._send("GET", url)
            yield from answer.json()
            url = answer.links.get("next", {}).get("url", "")

    def _send(self, method: str, url: str, conflict: int | None = None) -> requests.Response:
        answer = self._session.request(method, url, timeout=10)
        if not answer.ok and answer.status_code != conflict:
            raise SystemExit(f"{answer.status_code}: {answer.text.strip()}")
        return answer


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("like", "unlike", "list"))
    parser.add_argument("post", help="the post's guid")
    parser.add_argument("--per-page", type=int, default=100)
    arguments = parser.parse_args()
    pod, token = os.environ["DIASPORA_POD"], os.environ["DIASPORA_TOKEN"]
    likes = Likes(pod, token, arguments.post, arguments.per_page)
    if arguments.what == "like":
        print("liked" if likes.like() else "already liked")
    elif arguments.what == "unlike":
        print("taken back" if likes.unlike() else "not liked")
    else:
        for like in likes:
            print(like["guid"], like["author"]["diaspora_id"], like["author"]["name"])


if __name__ == "__main__":
    main()
