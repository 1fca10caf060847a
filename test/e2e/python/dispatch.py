"""Dispatches one story, as scripts on the user's machine do."""
import json
import sys

import requests

base_url, story_id = sys.argv[1:3]
response = requests.post(
    f"{base_url}/api/orchestrator/dispatch",
    json={"action": "enqueue_story", "payload": {"story_id": story_id}, "source": "python"},
    timeout=10,
)
print(json.dumps({"status": response.status_code, "body": response.json()}))
