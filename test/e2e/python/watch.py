"""Prints every frame of the stream until it is closed, as the user's earlier front end does."""
import json
import sys

import websocket


def say(kind, **more):
    print(json.dumps({"kind": kind, **more}), flush=True)


app = websocket.WebSocketApp(
    sys.argv[1],
    on_open=lambda ws: say("open"),
    on_message=lambda ws, message: say("message", text=message),
    on_error=lambda ws, error: say("error", text=str(error)),
    on_close=lambda ws, code, reason: say("close", code=code),
)
app.run_forever()
