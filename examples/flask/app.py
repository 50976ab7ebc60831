"""A Flask application: a page, a stream, an upload that comes back, JSON, a file, and a form.

    nonecorn serve examples/flask/app.py

Flask speaks WSGI, which `nonecorn[wsgi]` serves: each request has a thread, and nothing awaits.
"""

import hashlib
from pathlib import Path

from flask import Flask, Response, jsonify, request, send_file

PAGE = """<!doctype html>
<title>Flask on nonecorn</title>
<h1>It serves.</h1>
<p id="script">The script did not run.</p>
<script>document.getElementById("script").textContent = "The script ran.";</script>
"""

app = Flask(__name__)
notes = []


@app.get("/")
def home():
    """A page."""
    return PAGE


@app.get("/stream")
def stream():
    """Ten lines, one by one; the next is not made before the client has room for it."""
    lines = (f"piece {number} of 10\n" for number in range(1, 11))
    return Response(lines, mimetype="text/plain")


@app.post("/echo")
def echo():
    """The request's body, sent back as it comes in."""
    body = request.stream  # the iterator runs when there is no `request` any more
    parts = iter(lambda: body.read(65536), b"")
    return Response(parts, mimetype="application/octet-stream")


@app.post("/notes")
def add():
    """Keep a note, sent as JSON."""
    notes.append(request.get_json()["text"])
    return jsonify(number=len(notes)), 201


@app.get("/notes/<int:number>")
def read(number):
    """A note."""
    if not 0 < number <= len(notes):
        return jsonify(error="no such note"), 404
    return jsonify(text=notes[number - 1])


@app.get("/source")
def source():
    """This file; the kernel sends it, and ranges of it are understood."""
    return send_file(Path(__file__), mimetype="text/plain")


@app.post("/upload")
def upload():
    """What came in a form's files."""
    return jsonify(
        {
            file.filename: hashlib.file_digest(file.stream, "sha256").hexdigest()
            for file in request.files.getlist("file")
        }
    )
