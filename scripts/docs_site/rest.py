"""The service's reference, out of its OpenAPI description."""

from __future__ import annotations

from typing import Any

from bulkhead.history.api.app import build
from bulkhead.history.database import Database


def page() -> str:
    """The page."""
    schema = build(Database(":memory:")).openapi()
    lines = ["# The service over HTTP", "", schema["info"]["description"], ""]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            lines += [f"## {method.upper()} {path}", "", operation.get("description", ""), ""]
            lines += [
                f"- `{one['name']}` ({one['in']}{', needed' if one.get('required') else ''}): "
                f"{one.get('description', '')} `{_kind(one['schema'])}`"
                for one in operation.get("parameters", [])
            ]
            content = operation["responses"]["200"].get("content", {})
            answers = [_kind(one["schema"]) for one in content.values() if "schema" in one]
            lines += ["", f"Answers: `{answers[0]}`." if answers else "", ""]
    lines += ["## Shapes", ""]
    for name, shape in schema["components"]["schemas"].items():
        lines += [f"### {name}", "", shape.get("description", ""), ""]
        lines += [
            f"- `{field}`: `{_kind(kind)}`. {kind.get('description', '')}".rstrip()
            for field, kind in shape.get("properties", {}).items()
        ]
        lines.append("")
    return "\n".join(lines)


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    return str(schema.get("type", "anything"))
