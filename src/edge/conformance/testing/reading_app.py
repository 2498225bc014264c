# Tells in X-Read what the server underneath understood of a request: for WSGI (gunicorn) and ASGI (uvicorn).
import base64
import json


def said(method, target, host, body):
    what = {"method": method, "target": target, "host": host, "body": base64.b64encode(body).decode()}
    return base64.b64encode(json.dumps(what).encode()).decode()


def wsgi(environ, start_response):
    body = environ["wsgi.input"].read()
    read = said(environ["REQUEST_METHOD"], environ["RAW_URI"], environ.get("HTTP_HOST", ""), body)
    start_response("200 OK", [("Content-Length", "0"), ("X-Read", read)])
    return []


async def asgi(scope, receive, send):
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    query = scope["query_string"].decode("latin-1")
    target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    read = said(scope["method"], target, host, body).encode()
    headers = [(b"content-length", b"0"), (b"x-read", read)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
