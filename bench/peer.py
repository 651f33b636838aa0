"""A plain alternative to this service: a Flask application with the three documented steps, one after the other.

No CSRF, no limits, no metrics, no tracing; the user is who a header says. Run by gunicorn, two workers of 16 threads.
"""

import os

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from pymongo import MongoClient

app = Flask(__name__)
client: MongoClient[dict[str, object]] = MongoClient(os.environ["PEER_URI"], w="majority")
questions = client[os.environ["PEER_DATABASE"]].questions


@app.post("/api/likes")
def vote() -> ResponseReturnValue:
    """Take back, switch, or add a vote, by the first update that matches."""
    body, user = request.get_json(), request.headers["X-User"]
    one, steps = (
        {"_id": body["targetId"]},
        (
            ("unliked", {"likedBy": user}, {"$pull": {"likedBy": user}, "$inc": {"upvotes": -1}}),
            (
                "liked",
                {"dislikedBy": user},
                {"$pull": {"dislikedBy": user}, "$push": {"likedBy": user}, "$inc": {"downvotes": -1, "upvotes": 1}},
            ),
            (
                "liked",
                {"likedBy": {"$ne": user}, "dislikedBy": {"$ne": user}},
                {"$push": {"likedBy": user}, "$inc": {"upvotes": 1}},
            ),
        ),
    )
    for action, state, update in steps:
        if questions.update_one(one | state, update).modified_count:
            found = questions.find_one(one, {"upvotes": 1, "downvotes": 1}) or {}
            counts = {name: found[name] for name in ("upvotes", "downvotes")}
            return jsonify({"action": action, **counts, "liked": action == "liked", "downvoted": False})
    return jsonify({"error": "Not found"}), 404
