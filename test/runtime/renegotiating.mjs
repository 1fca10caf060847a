// A server under Node, the one of the three that can ask for a second handshake: `node renegotiating.mjs KEY CERT`.
// It says its port; then, for each connection that has ended, how many requests came over it.
import fs from "node:fs";
import tls from "node:tls";

const [key, cert] = process.argv.slice(2).map((file) => fs.readFileSync(file));
const answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

// Later versions of TLS know no renegotiation.
const server = tls.createServer({ key, cert, maxVersion: "TLSv1.2" }, (socket) => {
  let text = "";
  let hasAsked = false;
  socket.on("error", () => {});
  socket.on("close", () => console.log(text.split("POST ").length - 1));
  socket.on("data", (chunk) => {
    text += chunk;
    if (hasAsked || !text.includes("\r\n\r\n")) return;
    hasAsked = true;
    // The answer comes behind the handshake, and the client's end behind whatever that set off.
    socket.renegotiate({ rejectUnauthorized: false }, () => socket.end(answer));
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
