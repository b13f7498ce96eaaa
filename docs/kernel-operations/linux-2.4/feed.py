"""Sends connections.c what it reads, to each connection as fast as it is taken."""
import socketserver


class Feed(socketserver.BaseRequestHandler):
    def handle(self):
        while True:
            self.request.sendall(bytes(65536))


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 9100), Feed).serve_forever()
