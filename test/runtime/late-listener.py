"""Listens without taking connections until a line comes on standard input; then says for each what arrived on it."""

import socket
import sys

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
port = listener.getsockname()[1]
# With a backlog of none the kernel keeps one connection for us: whoever comes next is not answered.
filler = socket.create_connection(("127.0.0.1", port))
print(port, flush=True)
sys.stdin.readline()
filler.close()
while True:
    connection, _ = listener.accept()
    connection.settimeout(10)
    received = 0
    try:
        while chunk := connection.recv(65536):
            received += len(chunk)
    except OSError:
        pass
    print(received, flush=True)
