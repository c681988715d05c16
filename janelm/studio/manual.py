"""The OpenAPI document as a page that a person can read, without a script and without a network."""

from __future__ import annotations

from html import escape
from typing import Any

HEAD = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>What programs may ask</title><body><main><h1>What programs may ask</h1>"
    '<p>The same for programs: <a href="/openapi.json">openapi.json</a></p>'
)


def manual(document: dict[str, Any]) -> str:
    """All paths with what they take, as HTML."""
    parts = [HEAD]
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            parts.append(f"<h2><code>{method.upper()} {escape(path)}</code></h2>")
            parts.append(f"<p>{escape(about.get('description', ''))}</p>")
            body = about.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            shape = document.get("components", {}).get("schemas", {}).get(body.get("$ref", "").rsplit("/", 1)[-1])
            if shape:
                parts.append(_fields(shape))
    return "".join(parts) + "</main></body></html>"


def _fields(shape: dict[str, Any]) -> str:
    rows = []
    for name, field in shape.get("properties", {}).items():
        kinds = field.get("anyOf", [field])
        kind = " or ".join(str(one.get("type", one.get("$ref", "").rsplit("/", 1)[-1])) for one in kinds)
        default = "needed" if name in shape.get("required", []) else repr(field.get("default"))
        cells = (name, kind, default, field.get("description", ""))
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    head = "<tr><th>name</th><th>kind</th><th>default</th><th></th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"
