"""Takes the pieces of Immich's OpenAPI description that the proof needs, and writes them to schemas.json beside it.

    python3 extract.py path/to/openapi-3.0.3.json

Kept: status codes, permission and response schemas of the operations listed below, and every schema they reach.
Dropped: prose, examples, history. Run it again when an operation is added to OPERATIONS.
"""

import json
import pathlib
import sys

OPERATIONS = """
GET /server/ping
GET /server/version
GET /server/features
GET /server/config
GET /server/about
GET /server/media-types
GET /server/storage
GET /server/statistics
GET /server/version-check
GET /server/version-history
POST /auth/login
POST /auth/logout
POST /auth/validateToken
GET /auth/status
POST /auth/change-password
POST /auth/admin-sign-up
GET /users/me
PUT /users/me
GET /users/me/preferences
PUT /users/me/preferences
GET /api-keys
POST /api-keys
GET /api-keys/me
GET /api-keys/{id}
PUT /api-keys/{id}
DELETE /api-keys/{id}
POST /assets
POST /assets/bulk-upload-check
GET /assets/statistics
GET /assets/{id}
PUT /assets/{id}
PUT /assets
GET /assets/{id}/thumbnail
GET /assets/{id}/video/playback
GET /assets/{id}/original
GET /timeline/buckets
GET /timeline/bucket
POST /search/metadata
POST /search/random
POST /search/statistics
GET /search/suggestions
GET /search/explore
GET /search/cities
GET /search/places
GET /search/person
DELETE /assets
POST /trash/restore/assets
GET /albums
POST /albums
GET /albums/{id}
PATCH /albums/{id}
DELETE /albums/{id}
PUT /albums/{id}/assets
DELETE /albums/{id}/assets
PUT /albums/{id}/users
PUT /albums/{id}/user/{userId}
DELETE /albums/{id}/user/{userId}
GET /albums/statistics
POST /trash/empty
POST /trash/restore
GET /users
GET /users/{id}
GET /users/{id}/profile-image
GET /admin/users
POST /admin/users
GET /admin/users/{id}
PUT /admin/users/{id}
DELETE /admin/users/{id}
POST /admin/users/{id}/restore
GET /sessions
DELETE /sessions
DELETE /sessions/{id}
POST /download/info
POST /download/archive
GET /jobs
PUT /jobs/{name}
GET /people
GET /search/person
GET /faces
GET /tags
POST /tags
PUT /tags
PUT /tags/assets
GET /tags/{id}
PUT /tags/{id}
DELETE /tags/{id}
PUT /tags/{id}/assets
DELETE /tags/{id}/assets
GET /stacks
POST /stacks
GET /memories
GET /memories/statistics
GET /partners
GET /map/markers
GET /activities
GET /activities/statistics
GET /shared-links
""".split("\n")

# Everything a validator reads; the rest of a schema is prose.
KEYWORDS = {
    "$ref", "type", "format", "pattern", "enum", "nullable", "required", "properties", "items", "allOf", "oneOf",
    "anyOf", "additionalProperties", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
}


def trimmed(schema):
    """The schema without prose; property names are data, not keywords."""
    if not isinstance(schema, dict):
        return schema
    out = {}
    for key, value in schema.items():
        if key not in KEYWORDS:
            continue
        if key == "properties":
            out[key] = {name: trimmed(child) for name, child in value.items()}
        elif key in ("allOf", "oneOf", "anyOf"):
            out[key] = [trimmed(child) for child in value]
        elif key in ("items", "additionalProperties"):
            out[key] = trimmed(value)
        else:
            out[key] = value
    return out


def references(schema):
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rsplit("/", 1)[1]
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def extract(description):
    operations, wanted = {}, []
    for line in filter(None, OPERATIONS):
        method, path = line.split()
        operation = description["paths"][path][method.lower()]
        responses = {}
        for status, response in operation["responses"].items():
            media = response.get("content", {})
            schema = trimmed(next(iter(media.values()))["schema"]) if media else None
            responses[status] = {"type": next(iter(media), None), "schema": schema}
            wanted += references(schema)
        operations[line] = {"permission": operation.get("x-immich-permission"), "responses": responses}
    schemas = {}
    while wanted:
        name = wanted.pop()
        if name not in schemas:
            schemas[name] = trimmed(description["components"]["schemas"][name])
            wanted += references(schemas[name])
    return {
        "source": f"Immich OpenAPI {description['info']['version']}",
        "operations": operations,
        "schemas": dict(sorted(schemas.items())),
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    pieces = extract(json.loads(pathlib.Path(sys.argv[1]).read_text()))
    target = pathlib.Path(__file__).with_name("schemas.json")
    target.write_text(json.dumps(pieces, indent=1, ensure_ascii=False) + "\n")
    print(f"{target.name}: {len(pieces['operations'])} operations, {len(pieces['schemas'])} schemas")
