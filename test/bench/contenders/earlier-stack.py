"""What users had: validate, append a line, post to Podium, answer. One upstream socket for each stream client.

Usage: earlier-stack.py PODIUM_PORT TELEMETRY_PORT LOG_FILE
"""

import json
import socket
import sys
import time
import uuid
from typing import Literal, Optional

import aiohttp
import uvicorn
import websockets
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field

podium = f"http://127.0.0.1:{sys.argv[1]}/api/command"
telemetry = f"ws://127.0.0.1:{sys.argv[2]}/ws"
log_file = sys.argv[3]

app = FastAPI()
session: Optional[aiohttp.ClientSession] = None


class Payload(BaseModel):
    story_id: str = Field(min_length=1, max_length=128, regex=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")


class Dispatch(BaseModel):
    action: Literal["enqueue_story", "cancel_story", "halt", "status"]
    payload: Payload
    source: str = "unspecified"


@app.on_event("startup")
async def start() -> None:
    global session
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


@app.post("/api/orchestrator/dispatch")
async def dispatch(request: Dispatch):
    audit_id = f"AUD-{uuid.uuid4()}"
    record = {"timestamp": time.time(), "audit_id": audit_id, **request.dict()}
    with open(log_file, "a", encoding="utf-8") as log:
        log.write(json.dumps(record) + "\n")
    command = {"type": "ENQUEUE_STORY", "storyId": request.payload.story_id}
    async with session.post(podium, json=command) as answer:
        result = await answer.json()
    return {"success": True, "audit_id": audit_id, "podium_result": result}


@app.websocket("/api/orchestrator/stream")
async def stream(client: WebSocket):
    await client.accept()
    try:
        async with websockets.connect(telemetry, compression=None) as upstream:
            async for frame in upstream:
                await client.send_text(frame)
    except (WebSocketDisconnect, websockets.ConnectionClosed):
        pass


# Named as TCP, else asyncio leaves Nagle's delay on and each answer waits 40 ms.
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", 0))
listener.listen(2048)
print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
config = uvicorn.Config(app, log_level="error", access_log=False, ws="websockets")
uvicorn.Server(config).run(sockets=[listener])
